import { epochOf } from '@higgins/client';
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
import type { VirtualKernel } from '../programs/kernel.js';
import { type AuthoredList, ListAuthor } from '../programs/list-author.js';
import { addForeignSubscriber, addHostilePeer, addPop, addProbe, addPublisher, addRelay } from './continent-nodes.js';
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
const DISK_MS_MAX = 60;

/** Builds it; nothing runs yet. */
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
