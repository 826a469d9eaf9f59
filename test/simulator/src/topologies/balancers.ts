import { epochOf } from '@higgins/client';
import { requireCertificate } from '@higgins/relay/core';
import type { NodePools } from '@higgins/signals';
import { memoryAuthorities, memoryIdentity } from '@higgins/transport';
import type { Simulation } from '../frame/simulation.js';
import { balancersConverge } from '../invariants/balancers-converge.js';
import { bytesAreIdentical } from '../invariants/bytes-are-identical.js';
import { groupIdsRise } from '../invariants/group-ids-rise.js';
import { oneEpochWins } from '../invariants/one-epoch-wins.js';
import {
  type BalancerView,
  type HealthBounds,
  poolsFollowLocalHealth,
} from '../invariants/pools-follow-local-health.js';
import { slotsAgree } from '../invariants/slots-agree.js';
import { versionNeverGoesBack } from '../invariants/version-never-goes-back.js';
import { balancerProgram } from '../programs/balancer.js';
import { CHECK, EJECTION_MS_MAX, GatewayAuthor, LISTENER_ADDRESS } from '../programs/balancer-author.js';
import { runClients } from '../programs/balancer-clients.js';
import { controlProgram } from '../programs/balancer-control.js';
import { VirtualDataPath } from '../programs/balancer-kernel.js';
import { MemberService } from '../programs/balancer-member.js';
import { relayProgram, relayUrl } from '../programs/relay.js';

export interface BalancersOptions {
  readonly ttlMs: number;
  /** Least pause between two versions; the largest is three times that. */
  readonly intervalMs: number;
  /** World time from which on nothing new is written. */
  readonly authorUntilMs: number;
  /** World time from which on no client connects. */
  readonly clientsUntilMs: number;
}

/** A control plane at an origin, an edge relay, a PoP with three balancers, and the members that they balance. */
export interface Balancers {
  readonly author: GatewayAuthor;
  readonly kernels: ReadonlyMap<string, VirtualDataPath>;
  readonly services: ReadonlyMap<string, MemberService>;
  readonly views: readonly BalancerView[];
  /** What balancers told of their pools last, as it arrived at the control plane. */
  readonly told: ReadonlyMap<string, NodePools>;
  /** Whether every balancer has the newest version and all of its members, and the control plane knows. */
  converged(): boolean;
  start(): void;
}

export const BALANCERS: readonly string[] = ['balancer-1', 'balancer-2', 'balancer-3'];
export const MEMBERS: readonly string[] = ['member-a', 'member-b', 'member-c', 'member-d', 'member-e'];
export const CONTROL = 'control';
export const BALANCER_RELAYS: readonly string[] = ['origin', 'edge'];

const AUTHORITY = 'simulated authority';
/** In its name the bus is told that all members are ejected. */
const FORGED = 'balancer-9';
const DISK_MS = 40;
const PROGRAM_MS = 4;
const WALL_OFFSET_MS_MAX = 5_000;
/** What a round trip and the recovery of a link after a partition take at most. */
const NETWORK_MS = 1_500;
const JITTER = 1.1;

/** See the specification of checks: one interval, then failures in a row, each a time-out long. */
const BOUNDS: HealthBounds = {
  outMs: CHECK.intervalMs * JITTER + CHECK.fall * CHECK.timeoutMs + NETWORK_MS,
  // Connections that were opened before may still turn out as failures, and eject for their time.
  inMs: Math.max(CHECK.rise * CHECK.intervalMs * JITTER, EJECTION_MS_MAX + 2_000) + NETWORK_MS + CHECK.timeoutMs,
  repairMs: 3_000,
};

const DEFAULTS: BalancersOptions = { ttlMs: 12_000, intervalMs: 4_000, authorUntilMs: 45_000, clientsUntilMs: 100_000 };

export function buildBalancers(simulation: Simulation, options: Partial<BalancersOptions> = {}): Balancers {
  const resolved = { ...DEFAULTS, ...options };
  const hosts = new Map(MEMBERS.map((name, index) => [`10.0.0.${index + 1}`, name]));
  const author = new GatewayAuthor([...hosts].map(([address, name]) => ({ name, address })));
  const told = new Map<string, NodePools>();
  addRelays(simulation);
  addControl(simulation, resolved, author, told);
  const services = addMembers(simulation);
  const kernels = addBalancers(simulation, author, hosts);
  for (const { machine } of simulation.nodes.values()) machine.disk.latencyMs = DISK_MS;
  configureLinks(simulation);
  const views = BALANCERS.map((node) => viewOf(simulation, node, kernels.get(node)!, hosts, services));
  const convergence = balancersConverge(views, author, told);
  const epochs = oneEpochWins({ epochOf, tracks: [author.track], subscribers: () => BALANCERS });
  simulation.hold(
    versionNeverGoesBack(),
    groupIdsRise(),
    bytesAreIdentical(),
    poolsFollowLocalHealth(views, BOUNDS),
    slotsAgree(views),
    epochs,
    convergence,
  );
  return {
    ...{ author, kernels, services, views, told },
    converged: () => convergence.holds() && epochs.holds(),
    start() {
      for (const node of simulation.nodes.values()) node.start();
      for (const view of views) startClients(simulation, view, resolved, hosts, services);
    },
  };
}

function addRelays(simulation: Simulation): void {
  for (const [name, upstreams] of [
    ['origin', []],
    ['edge', [relayUrl('origin')]],
  ] as const) {
    const program = relayProgram({ ...credentials(name), upstreams, authorizer: requireCertificate });
    simulation.node(machine(simulation, name), program);
  }
}

function addControl(
  simulation: Simulation,
  { ttlMs, intervalMs, authorUntilMs }: BalancersOptions,
  author: GatewayAuthor,
  told: Map<string, NodePools>,
): void {
  const program = controlProgram({
    ...credentials(CONTROL),
    ...{ author, ttlMs, intervalMs, untilMs: authorUntilMs },
    relays: [relayUrl('origin')],
    nodes: BALANCERS,
    forged: FORGED,
    told: (node, pools) => told.set(node, pools),
  });
  simulation.node(machine(simulation, CONTROL), program);
}

function addMembers(simulation: Simulation): Map<string, MemberService> {
  return new Map(
    MEMBERS.map((name) => {
      const service = new MemberService(credentials(name).identity);
      simulation.node(machine(simulation, name), service.program).service = service;
      return [name, service];
    }),
  );
}

function addBalancers(
  simulation: Simulation,
  author: GatewayAuthor,
  hosts: ReadonlyMap<string, string>,
): Map<string, VirtualDataPath> {
  const kernels = new Map<string, VirtualDataPath>();
  const relays = [relayUrl('edge')];
  const nodes = [...BALANCERS, FORGED];
  for (const name of BALANCERS) {
    const node = simulation.node(machine(simulation, name), (context) => {
      const kernel = kernels.get(name)!;
      const options = { ...credentials(name), relays, nodes, author, kernel, programMs: PROGRAM_MS, hosts };
      return balancerProgram(options)(context);
    });
    const kernel = new VirtualDataPath(node.machine);
    kernels.set(name, kernel);
    node.target = kernel;
  }
  return kernels;
}

function viewOf(
  simulation: Simulation,
  node: string,
  kernel: VirtualDataPath,
  hosts: ReadonlyMap<string, string>,
  services: ReadonlyMap<string, MemberService>,
): BalancerView {
  const { network, nodes } = simulation;
  const ways = new Map(
    [...hosts].map(([address, name]) => [
      address,
      {
        links: [network.link(node, name), network.link(name, node)],
        member: nodes.get(name)!,
        service: services.get(name)!,
      },
    ]),
  );
  const self = nodes.get(node)!;
  return {
    ...{ node, kernel },
    able: () => self.running && kernel.refusal === null && kernel.delayMs === 0,
    reaches(address) {
      const { links, member, service } = ways.get(address)!;
      if (!member.running || !service.serving || links.some(({ blockedSinceMs }) => blockedSinceMs !== null))
        return false;
      return links.some(({ options }) => options.lossRate > 0) ? null : true;
    },
    failsOpen: (service) => kernel.service(service)?.port === 443,
  };
}

function startClients(
  simulation: Simulation,
  { node, kernel, reaches }: BalancerView,
  { clientsUntilMs }: BalancersOptions,
  hosts: ReadonlyMap<string, string>,
  services: ReadonlyMap<string, MemberService>,
): void {
  const { world } = simulation;
  const hears = (address: string) => simulation.nodes.get(hosts.get(address)!)!.running;
  runClients({
    ...{ world, kernel, ports: [80, 443], untilMs: clientsUntilMs },
    random: world.randomStream(`clients/${node}`),
    address: Uint8Array.from(LISTENER_ADDRESS.split('.').map(Number)),
    outcome(address) {
      if (reaches(address) !== false) return 'answered';
      const refuses = hears(address) && !services.get(hosts.get(address)!)!.serving;
      return refuses ? 'refused' : 'lost';
    },
  });
}

function configureLinks({ network, random }: Simulation): void {
  network.configure('origin', 'edge', { latencyMs: random.between(10, 120), jitterMs: random.between(0, 20) });
  for (const balancer of BALANCERS) {
    network.configure('edge', balancer, { latencyMs: random.between(1, 15), jitterMs: random.between(0, 3) });
    for (const member of MEMBERS) network.configure(balancer, member, { latencyMs: random.between(0.2, 5) });
  }
}

function credentials(name: string) {
  return {
    authoritiesPem: memoryAuthorities(AUTHORITY),
    identity: memoryIdentity({ issuer: AUTHORITY, subject: name }),
  };
}

function machine({ random }: Simulation, name: string) {
  return {
    name,
    wallOffsetMs: random.between(-WALL_OFFSET_MS_MAX, WALL_OFFSET_MS_MAX),
    driftPpm: random.between(-100, 100),
  };
}
