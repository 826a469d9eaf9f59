import { epochOf, StorageError } from '@higgins/client';
import { type Authorizer, requireCertificate } from '@higgins/relay/core';
import { parsePath } from '@higgins/signals';
import { decodeMemoryCertificate, memoryAuthorities } from '@higgins/transport';
import type { LinkFaultKind } from '../frame/faults.js';
import type { SimulatedNode } from '../frame/node.js';
import type { Simulation } from '../frame/simulation.js';
import { bytesAreIdentical } from '../invariants/bytes-are-identical.js';
import { converges } from '../invariants/converges.js';
import { groupIdsRise } from '../invariants/group-ids-rise.js';
import { nothingOutlivesItsTtl } from '../invariants/nothing-outlives-its-ttl.js';
import { oneUpstreamSubscription } from '../invariants/one-upstream-subscription.js';
import { relaysNeverExtendATtl } from '../invariants/relays-never-extend-a-ttl.js';
import { resubscribesByItself } from '../invariants/resubscribes-by-itself.js';
import { staysWithinBudget } from '../invariants/stays-within-budget.js';
import { thenTheDefaultOnce } from '../invariants/then-the-default-once.js';
import { upstreamLoadFollowsTracks } from '../invariants/upstream-load-follows-tracks.js';
import { versionNeverGoesBack } from '../invariants/version-never-goes-back.js';
import { workPerTurnIsBounded } from '../invariants/work-per-turn-is-bounded.js';
import { agentProgram } from '../programs/agent.js';
import { foreignSubscriberProgram } from '../programs/foreign-subscriber.js';
import { hostilePeerProgram } from '../programs/hostile-peer.js';
import { VirtualKernel } from '../programs/kernel.js';
import { type AuthoredList, ListAuthor } from '../programs/list-author.js';
import { publisherProgram } from '../programs/publisher.js';
import { relayProgram, relayUrl } from '../programs/relay.js';
import { relayProbeProgram } from '../programs/relay-probe.js';
import { type ContinentShape, drawMembers, type Member, type Members, type Rates } from './continent-shape.js';

export interface ContinentOptions {
  readonly shape: ContinentShape;
  readonly rates: Rates;
  readonly ttlMs: number;
  /** Least pause between two versions of a publisher; the largest is three times that. */
  readonly intervalMs: number;
  /** World time from which on nothing new is written. */
  readonly authorUntilMs: number;
  /** Publishers write once more after that: they may have lost what they had written. */
  readonly publishersForget: boolean;
  /** Also holds the invariants that look at every relay and client after each step. */
  readonly inFull: boolean;
}

/** Relays in three tiers over several regions, PoPs, publishers and strangers, with the invariants that hold for them. */
export interface Continent {
  readonly members: Members;
  readonly authors: readonly ListAuthor[];
  readonly lists: readonly AuthoredList[];
  readonly kernels: ReadonlyMap<string, VirtualKernel>;
  /** Links that are in use, for faults. */
  readonly links: readonly (readonly [string, string])[];
  /** Whether every PoP enforces the newest versions, and the publishers know. */
  converged(): boolean;
  start(): void;
  node(name: string): SimulatedNode;
}

/** What may happen to the links of a continent. */
export const CONTINENT_LINK_KINDS: readonly LinkFaultKind[] = [
  ...(['partition', 'reset', 'loss', 'bandwidth', 'delay', 'reordering', 'mtu'] as const),
];

/** From a publisher over both origins, a regional relay and an edge to a PoP. */
const PATH = { networkMsMax: 500, relays: 4 };
/** The longest list, and the acknowledgements of all lists, with everything around them. */
const OBJECT_BYTES_MAX = 64 * 1024;
const AUTHORITY = 'simulated authority';
const DISK_MS_MAX = 60;
const ENFORCE_MS = 3;
const WALL_OFFSET_MS_MAX = 5000;
/** Mean pause between two things that a hostile peer does on a connection. */
const HOSTILE_INTERVAL_MS = 40;
/** Mean pause between two questions to one relay. */
const PROBE_INTERVAL_MS = 1500;

export function buildContinent(simulation: Simulation, options: ContinentOptions): Continent {
  const { shape, rates } = options;
  const members = drawMembers(simulation.random, shape);
  const authors = members.publishers.map(
    (_, index) => new ListAuthor(`org-${index + 1}`, listNames(shape.listsPerPublisher), rates.entriesFactor),
  );
  const lists = authors.flatMap((author) => author.lists);
  const kernels = new Map<string, VirtualKernel>();
  for (const member of members.relays) addRelay(simulation, member, rates);
  for (const [index, member] of members.publishers.entries()) {
    addPublisher(simulation, member, options, authors[index]!, members.pops);
  }
  for (const member of members.pops) addPop(simulation, member, lists, kernels);
  for (const member of members.foreignSubscribers) addForeignSubscriber(simulation, member, lists);
  for (const member of members.hostilePeers) addHostilePeer(simulation, member);
  for (const member of members.probes) addProbe(simulation, member, lists);
  for (const { machine } of simulation.nodes.values())
    machine.disk.latencyMs = simulation.random.between(0, DISK_MS_MAX);
  const links = configureLinks(simulation, members);
  const converged = holdInvariants(simulation, options, members, authors, kernels);
  return {
    ...{ members, authors, lists, kernels, links },
    converged,
    start() {
      for (const node of simulation.nodes.values()) if (!node.standsBy) node.start();
    },
    node: (name) => simulation.nodes.get(name)!,
  };
}

/** Returns what tells whether all that has to be there in the end is there. */
function holdInvariants(
  simulation: Simulation,
  { inFull }: ContinentOptions,
  members: Members,
  authors: readonly ListAuthor[],
  kernels: ReadonlyMap<string, VirtualKernel>,
): () => boolean {
  const lists = authors.flatMap((author) =>
    author.lists.map((list) => ({ ...list, version: () => author.version(list.track) })),
  );
  const convergence = converges(kernels, lists);
  const resubscription = resubscribesByItself(simulation);
  simulation.hold(versionNeverGoesBack(), groupIdsRise(), bytesAreIdentical());
  simulation.hold(
    nothingOutlivesItsTtl(kernels, epochOf, PATH),
    relaysNeverExtendATtl(PATH),
    convergence,
    resubscription,
  );
  if (inFull) {
    const clients = [...members.pops, ...members.publishers, ...members.foreignSubscribers].length;
    simulation.hold(
      thenTheDefaultOnce(lists, kernels),
      oneUpstreamSubscription(simulation),
      staysWithinBudget(simulation, { objectBytesMax: OBJECT_BYTES_MAX }),
      workPerTurnIsBounded(simulation, OBJECT_BYTES_MAX),
      upstreamLoadFollowsTracks(simulation, clients),
    );
  }
  return () => convergence.holds() && resubscription.holds();
}

function addRelay(simulation: Simulation, { name, relays }: Member, { limits }: Rates): void {
  const program = relayProgram({
    ...credentials(simulation, name),
    upstreams: relays.map(relayUrl),
    authorizer,
    limits,
  });
  simulation.node(machine(simulation, name), program);
}

function addPublisher(
  simulation: Simulation,
  { name, relays }: Member,
  { ttlMs, intervalMs, authorUntilMs, publishersForget }: ContinentOptions,
  author: ListAuthor,
  pops: readonly Member[],
): void {
  const program = publisherProgram({
    ...credentials(simulation, name),
    ...{ author, ttlMs, intervalMs, untilMs: authorUntilMs, writesLast: publishersForget },
    pops: pops.map((pop) => pop.name),
    relays: relays.map(relayUrl),
  });
  simulation.node(machine(simulation, name), program);
}

function addPop(
  simulation: Simulation,
  { name, relays }: Member,
  lists: readonly AuthoredList[],
  kernels: Map<string, VirtualKernel>,
): void {
  const own = credentials(simulation, name);
  const node = simulation.node(machine(simulation, name), (context) => {
    const kernel = kernels.get(name)!;
    const options = { ...own, pop: name, relays: relays.map(relayUrl), lists, kernel, enforceMs: ENFORCE_MS };
    return agentProgram(options)(context);
  });
  kernels.set(name, new VirtualKernel(node.machine));
}

function addForeignSubscriber(simulation: Simulation, { name, relays }: Member, lists: readonly AuthoredList[]): void {
  const tracks = lists.map(({ track }) => ({ track, name: parsePath(track) }));
  const program = foreignSubscriberProgram({ ...credentials(simulation, name), relay: relayUrl(relays[0]!), tracks });
  simulation.node(machine(simulation, name), program);
}

function addProbe(simulation: Simulation, { name, relays }: Member, lists: readonly AuthoredList[]): void {
  const tracks = lists.map(({ track }) => track);
  const program = relayProbeProgram({
    ...credentials(simulation, name),
    relays,
    tracks,
    intervalMs: PROBE_INTERVAL_MS,
  });
  simulation.node(machine(simulation, name), program);
}

function addHostilePeer(simulation: Simulation, { name, relays }: Member): void {
  const program = hostilePeerProgram({
    ...credentials(simulation, name),
    relays: relays.map(relayUrl),
    intervalMs: HOSTILE_INTERVAL_MS,
  });
  simulation.node({ ...machine(simulation, name), standsBy: true }, program);
}

/** Members may do everything; a hostile peer that came by a certificate may publish only what is its own. */
const authorizer: Authorizer = {
  ...requireCertificate,
  authorizePublish(principal, { fields }) {
    const subject = principal.certificate && decodeMemoryCertificate(principal.certificate)?.subject;
    const own = fields[0] !== undefined && !RESERVED.has(new TextDecoder().decode(fields[0]));
    if (!subject?.startsWith('hostile-') || own) return { allowed: true };
    return { allowed: false, code: 1, reason: 'this namespace is not yours' };
  },
};
const RESERVED = new Set(['org', 'platform']);

function configureLinks(simulation: Simulation, members: Members): (readonly [string, string])[] {
  const links: (readonly [string, string])[] = [];
  const { network, random } = simulation;
  for (const member of Object.values(members).flat() as readonly Member[]) {
    for (const relay of member.relays) {
      links.push([member.name, relay]);
      const [from, to] = LATENCY_MS[tierOf(member.name)] ?? [1, 40];
      network.configure(member.name, relay, {
        latencyMs: random.between(from, to),
        jitterMs: random.between(0, to / 6),
      });
    }
  }
  return links;
}

/** From a member to the relays that it connects to, by tier. */
const LATENCY_MS: Readonly<Record<string, readonly [number, number]>> = {
  origin: [5, 60],
  regional: [10, 100],
  edge: [2, 40],
  pop: [1, 30],
};

function tierOf(name: string): string {
  return name.slice(0, name.indexOf('-'));
}

function listNames(lists: number): string[] {
  return Array.from({ length: lists }, (_, index) => `list-${index + 1}`);
}

function credentials(simulation: Simulation, name: string) {
  return {
    authoritiesPem: memoryAuthorities(AUTHORITY),
    identity: simulation.identity(name, { issuer: AUTHORITY, subject: name }),
  };
}

function machine({ random }: Simulation, name: string) {
  return {
    name,
    wallOffsetMs: random.between(-WALL_OFFSET_MS_MAX, WALL_OFFSET_MS_MAX),
    driftPpm: random.between(-100, 100),
    // A full disk ends a client that starts.
    exitsOn: (error: unknown) => error instanceof StorageError,
  };
}
