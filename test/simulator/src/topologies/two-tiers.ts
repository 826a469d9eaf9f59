import { epochOf } from '@higgins/client';
import { requireCertificate } from '@higgins/relay/core';
import { memoryAuthorities, memoryIdentity } from '@higgins/transport';
import type { SimulatedNode } from '../frame/node.js';
import type { Simulation } from '../frame/simulation.js';
import { bytesAreIdentical } from '../invariants/bytes-are-identical.js';
import { converges } from '../invariants/converges.js';
import { groupIdsRise } from '../invariants/group-ids-rise.js';
import { nothingOutlivesItsTtl } from '../invariants/nothing-outlives-its-ttl.js';
import { thenTheDefaultOnce } from '../invariants/then-the-default-once.js';
import { versionNeverGoesBack } from '../invariants/version-never-goes-back.js';
import { agentProgram } from '../programs/agent.js';
import { VirtualKernel } from '../programs/kernel.js';
import { ListAuthor } from '../programs/list-author.js';
import { publisherProgram } from '../programs/publisher.js';
import { relayProgram, relayUrl } from '../programs/relay.js';

export interface TwoTierOptions {
  readonly ttlMs: number;
  /** Least pause between two versions; the largest is three times that. */
  readonly intervalMs: number;
  /** World time from which on nothing new is written. */
  readonly authorUntilMs: number;
  /** How wrong wall clocks are at most. */
  readonly wallOffsetMsMax: number;
  /** Relays of a PoP, in order of preference. */
  readonly popRelays: readonly string[];
}

/** An origin relay, an edge relay, three PoPs and one publisher at the origin, with the invariants that hold for them. */
export interface TwoTiers {
  readonly author: ListAuthor;
  readonly kernels: ReadonlyMap<string, VirtualKernel>;
  /** Whether every PoP enforces the newest version, and the publisher's side knows. */
  converged(): boolean;
  start(): void;
  node(name: string): SimulatedNode;
}

export const POPS: readonly string[] = ['pop-1', 'pop-2', 'pop-3'];
export const RELAYS: readonly string[] = ['origin', 'edge'];
export const PUBLISHER = 'publisher';

const AUTHORITY = 'simulated authority';
/** How long a virtual disk and a transaction in a virtual kernel take: a slow disk is the harder case for an agent that crashes. */
const DISK_MS = 40;
const ENFORCE_MS = 3;

const DEFAULTS: TwoTierOptions = {
  ttlMs: 12_000,
  intervalMs: 1000,
  authorUntilMs: 45_000,
  wallOffsetMsMax: 5000,
  popRelays: ['edge', 'origin'],
};

export function buildTwoTiers(simulation: Simulation, options: Partial<TwoTierOptions> = {}): TwoTiers {
  const resolved = { ...DEFAULTS, ...options };
  const author = new ListAuthor('acme', ['blocked', 'allowed']);
  addRelays(simulation, resolved);
  addPublisher(simulation, resolved, author);
  const kernels = addPops(simulation, resolved, author);
  for (const { machine } of simulation.nodes.values()) machine.disk.latencyMs = DISK_MS;
  configureLinks(simulation);
  const expected = author.lists.map(({ track }) => ({ track, version: () => author.version(track) }));
  const convergence = converges(kernels, expected);
  simulation.hold(
    versionNeverGoesBack(),
    groupIdsRise(),
    bytesAreIdentical(),
    nothingOutlivesItsTtl(kernels, epochOf),
    thenTheDefaultOnce(author.lists, kernels),
    convergence,
  );
  return {
    author,
    kernels,
    converged: () => convergence.holds(),
    start() {
      for (const node of simulation.nodes.values()) node.start();
    },
    node: (name) => simulation.nodes.get(name)!,
  };
}

function addRelays(simulation: Simulation, options: TwoTierOptions): void {
  const add = (name: string, upstreams: readonly string[]) => {
    const program = relayProgram({ ...credentials(name), upstreams, authorizer: requireCertificate });
    simulation.node(machine(simulation, options, name), program);
  };
  add('origin', []);
  add('edge', [relayUrl('origin')]);
}

function addPublisher(simulation: Simulation, options: TwoTierOptions, author: ListAuthor): void {
  const { ttlMs, intervalMs, authorUntilMs } = options;
  const program = publisherProgram({
    ...credentials(PUBLISHER),
    author,
    ttlMs,
    intervalMs,
    untilMs: authorUntilMs,
    pops: POPS,
    relays: [relayUrl('origin')],
  });
  simulation.node(machine(simulation, options, PUBLISHER), program);
}

function addPops(simulation: Simulation, options: TwoTierOptions, author: ListAuthor): Map<string, VirtualKernel> {
  const kernels = new Map<string, VirtualKernel>();
  for (const pop of POPS) {
    const relays = options.popRelays.map(relayUrl);
    const node = simulation.node(machine(simulation, options, pop), (context) => {
      const kernel = kernels.get(pop)!;
      return agentProgram({ ...credentials(pop), pop, relays, lists: author.lists, kernel, enforceMs: ENFORCE_MS })(
        context,
      );
    });
    const kernel = new VirtualKernel(node.machine);
    kernels.set(pop, kernel);
    node.target = kernel;
  }
  return kernels;
}

function configureLinks({ network, random }: Simulation): void {
  network.configure('origin', 'edge', { latencyMs: random.between(10, 120), jitterMs: random.between(0, 20) });
  for (const pop of POPS) {
    network.configure('edge', pop, { latencyMs: random.between(1, 15), jitterMs: random.between(0, 3) });
    network.configure('origin', pop, { latencyMs: random.between(30, 150), jitterMs: random.between(0, 20) });
  }
}

function credentials(name: string) {
  return {
    authoritiesPem: memoryAuthorities(AUTHORITY),
    identity: memoryIdentity({ issuer: AUTHORITY, subject: name }),
  };
}

function machine({ random }: Simulation, { wallOffsetMsMax }: TwoTierOptions, name: string) {
  return {
    name,
    wallOffsetMs: random.between(-wallOffsetMsMax, wallOffsetMsMax),
    driftPpm: random.between(-100, 100),
  };
}
