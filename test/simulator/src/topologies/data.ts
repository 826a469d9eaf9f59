import { epochOf } from '@higgins/client';
import { requireCertificate } from '@higgins/relay/core';
import { memoryAuthorities, memoryIdentity } from '@higgins/transport';
import type { SimulatedNode } from '../frame/node.js';
import type { Simulation } from '../frame/simulation.js';
import { bytesAreIdentical } from '../invariants/bytes-are-identical.js';
import { gapsAreSurfaced } from '../invariants/gaps-are-surfaced.js';
import { groupIdsRise } from '../invariants/group-ids-rise.js';
import { invalidNeverReplacesLastGood } from '../invariants/invalid-never-replaces-last-good.js';
import { mapEqualsItsModel } from '../invariants/map-equals-its-model.js';
import { type CurrentValue, nothingExpiredIsCurrent } from '../invariants/nothing-expired-is-current.js';
import { oneEpochWins } from '../invariants/one-epoch-wins.js';
import { relaysNeverExtendATtl } from '../invariants/relays-never-extend-a-ttl.js';
import { subscribersConverge } from '../invariants/subscribers-converge.js';
import type { PathError } from '../invariants/support/path-error.js';
import { thenTheDefaultOnce } from '../invariants/then-the-default-once.js';
import { versionNeverGoesBack } from '../invariants/version-never-goes-back.js';
import { DataAuthor, dataTracks, EVENT_TRACK, MAP_TRACK, mapModel } from '../programs/data-content.js';
import { dataPublisherProgram } from '../programs/data-publisher.js';
import { dataSubscriberProgram, type View } from '../programs/data-subscriber.js';
import { invalidPublisherProgram } from '../programs/invalid-publisher.js';
import { ListAuthor } from '../programs/list-author.js';
import { relayProgram, relayUrl } from '../programs/relay.js';
import { relayProbeProgram } from '../programs/relay-probe.js';
import { WriterLease } from '../programs/writer-lease.js';

export interface DataOptions {
  readonly seed: number;
  /** Whether there is a second publisher. */
  readonly standby: boolean;
  /** Relays between publishers and the farthest subscribers, 1 to 5. */
  readonly hops: number;
  readonly ttlMs: number;
  readonly eventTtlMs: number;
  /** Mean pause between two edits of the map. */
  readonly editIntervalMs: number;
  /** World time from which on nothing new is written. */
  readonly authorUntilMs: number;
  /** How wrong wall clocks are at most. */
  readonly wallOffsetMsMax: number;
}

/**
 * A chain of relays with two publishers for the same tracks at its head, of which the second one stands by; one that
 * publishes invalid objects; subscribers at the end and in the middle, and one that joins when all is over; and a probe
 * that looks at what every relay hands out.
 */
export interface DataTopology {
  readonly relays: readonly string[];
  readonly author: DataAuthor;
  /** Whether every subscriber has what was written last. */
  converged(): boolean;
  /** Starts everybody but the second publisher and the late subscriber. */
  start(): void;
  node(name: string): SimulatedNode;
  /** What the SDK says of a track to the running process of a subscriber. */
  view(node: string, track: string): ReturnType<View>;
}

export const PUBLISHER = 'publisher';
export const STANDBY = 'standby';
export const INVALID = 'invalid';
export const PROBE = 'probe';
/** At the end of the chain, and in its middle. */
export const SUBSCRIBERS: readonly string[] = ['far', 'near'];
export const LATE = 'late';

const LATER: readonly string[] = [STANDBY, LATE];

const AUTHORITY = 'simulated authority';
const DISK_MS = 20;
const LINK_MS_MAX = 40;
const JITTER_MS_MAX = 10;
const PROBE_MS = 1500;
const INVALID_MS = 2000;

export function buildData(simulation: Simulation, options: DataOptions): DataTopology {
  const author = new DataAuthor(options.seed);
  const invalid = new ListAuthor('mallory', ['spoiled']);
  const relays = Array.from({ length: options.hops }, (_, index) => `relay-${index + 1}`);
  const views = new Map<string, Map<string, View>>();
  addRelays(simulation, options, relays);
  addPublishers(simulation, options, relays, { author, invalid });
  addSubscribers(simulation, options, relays, { author, invalid, views });
  for (const { machine } of simulation.nodes.values()) machine.disk.latencyMs = DISK_MS;
  configureLinks(simulation, relays);
  const all = [...SUBSCRIBERS, LATE];
  const running = () => all.filter((name) => simulation.nodes.get(name)!.running);
  const convergence = holdInvariants(simulation, relays, { author, invalid, views, running });
  return {
    relays,
    author,
    converged: () => convergence.every((invariant) => invariant.holds()),
    start() {
      for (const node of simulation.nodes.values()) if (!LATER.includes(node.name)) node.start();
    },
    node: (name) => simulation.nodes.get(name)!,
    view: (node, track) => views.get(node)?.get(track)?.() ?? null,
  };
}

interface Parts {
  readonly author: DataAuthor;
  readonly invalid: ListAuthor;
  readonly views: Map<string, Map<string, View>>;
  running(): readonly string[];
}

function holdInvariants(simulation: Simulation, relays: readonly string[], parts: Parts) {
  const { author, invalid, views, running } = parts;
  const { lists } = author.lists;
  const tracks = dataTracks(author);
  const path: PathError = {
    networkMsMax: (relays.length + 2) * (LINK_MS_MAX + JITTER_MS_MAX) + 100,
    relays: relays.length,
  };
  function* currentValues(): Generator<readonly [string, string, CurrentValue | null]> {
    for (const node of running()) for (const [track, view] of views.get(node) ?? []) yield [node, track, view()];
  }
  const epochs = oneEpochWins({ epochOf, tracks, subscribers: running });
  const refusals = invalidNeverReplacesLastGood(invalid.lists[0]!.track, running);
  const convergence = subscribersConverge(tracks, running);
  // The first that is broken is reported: those that say most about it come first.
  simulation.hold(
    epochs,
    refusals,
    thenTheDefaultOnce([...lists, ...invalid.lists], new Map(), {
      ...{ epochOf, path },
      isRunning: (node) => simulation.nodes.get(node)!.running,
    }),
    gapsAreSurfaced(EVENT_TRACK),
    mapEqualsItsModel(mapModel(author)),
    relaysNeverExtendATtl(path),
    nothingExpiredIsCurrent(currentValues, epochOf, path, [MAP_TRACK]),
    versionNeverGoesBack(),
    groupIdsRise(),
    bytesAreIdentical(),
    convergence,
  );
  return [epochs, refusals, convergence];
}

function addRelays(simulation: Simulation, options: DataOptions, relays: readonly string[]): void {
  for (const [index, name] of relays.entries()) {
    const upstreams = relays.slice(Math.max(index - 1, 0), index).map(relayUrl);
    const program = relayProgram({ ...credentials(name), upstreams, authorizer: requireCertificate });
    simulation.node(machine(simulation, options, name), program);
  }
}

function addPublishers(
  simulation: Simulation,
  options: DataOptions,
  relays: readonly string[],
  { author, invalid }: Pick<Parts, 'author' | 'invalid'>,
): void {
  const { ttlMs, eventTtlMs, editIntervalMs, authorUntilMs: untilMs, standby } = options;
  const head = relayUrl(relays[0]!);
  const lease = new WriterLease(simulation.world);
  for (const name of standby ? [PUBLISHER, STANDBY] : [PUBLISHER]) {
    const content = { author, lease, ttlMs, eventTtlMs, editIntervalMs, untilMs };
    const program = dataPublisherProgram({ ...credentials(name), ...content, relays: [head] });
    simulation.node(machine(simulation, options, name), program);
  }
  const content = { author: invalid, list: invalid.lists[0]!, ttlMs, intervalMs: INVALID_MS, untilMs };
  const program = invalidPublisherProgram({ ...credentials(INVALID), ...content, relay: head });
  simulation.node(machine(simulation, options, INVALID), program);
}

function addSubscribers(
  simulation: Simulation,
  options: DataOptions,
  relays: readonly string[],
  { author, invalid, views }: Omit<Parts, 'running'>,
): void {
  const lists = [...author.lists.lists, ...invalid.lists];
  const places = { far: relays.length - 1, near: Math.floor(relays.length / 2), [LATE]: relays.length - 1 };
  for (const [name, place] of Object.entries(places)) {
    const own = new Map<string, View>();
    views.set(name, own);
    const program = dataSubscriberProgram({
      ...{ ...credentials(name), lists, views: own },
      relays: [relayUrl(relays[place]!), relayUrl(relays[0]!)],
    });
    simulation.node(machine(simulation, options, name), program);
  }
  const tracks = dataTracks(author);
  const probe = relayProbeProgram({ ...credentials(PROBE), relays, tracks, intervalMs: PROBE_MS });
  simulation.node({ name: PROBE }, probe);
}

function configureLinks({ network, random }: Simulation, relays: readonly string[]): void {
  const link = () => ({ latencyMs: random.between(1, LINK_MS_MAX), jitterMs: random.between(0, JITTER_MS_MAX) });
  for (const [index, relay] of relays.entries()) {
    if (index > 0) network.configure(relays[index - 1]!, relay, link());
    for (const name of [...SUBSCRIBERS, LATE, PROBE]) network.configure(relay, name, link());
  }
  for (const name of [PUBLISHER, STANDBY, INVALID]) network.configure(relays[0]!, name, link());
}

function credentials(name: string) {
  return {
    authoritiesPem: memoryAuthorities(AUTHORITY),
    identity: memoryIdentity({ issuer: AUTHORITY, subject: name }),
  };
}

function machine({ random }: Simulation, { wallOffsetMsMax }: DataOptions, name: string) {
  return {
    name,
    wallOffsetMs: random.between(-wallOffsetMsMax, wallOffsetMsMax),
    driftPpm: random.between(-100, 100),
  };
}
