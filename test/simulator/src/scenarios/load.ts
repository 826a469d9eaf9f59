import { drawFaults, type Fault, healAll, scheduleFaults } from '../frame/faults.js';
import type { RunObserver, Scenario } from '../frame/run-seed.js';
import { Simulation } from '../frame/simulation.js';
import { bytesAreIdentical } from '../invariants/bytes-are-identical.js';
import { groupIdsRise } from '../invariants/group-ids-rise.js';
import { oneUpstreamSubscription } from '../invariants/one-upstream-subscription.js';
import { resubscribesByItself } from '../invariants/resubscribes-by-itself.js';
import { staysWithinBudget } from '../invariants/stays-within-budget.js';
import { subscribersConverge } from '../invariants/subscribers-converge.js';
import { upstreamLoadFollowsTracks } from '../invariants/upstream-load-follows-tracks.js';
import { workPerTurnIsBounded } from '../invariants/work-per-turn-is-bounded.js';
import { listTrack } from '../programs/storm-client.js';
import { buildLoad, type LoadOptions, type LoadTopology } from '../topologies/load.js';

const FAULTS_FROM_MS = 5_000;
const FAULTS_UNTIL_MS = 25_000;
const FAULT_MS_MAX = 12_000;
/** Idle time-outs (4 s) and back-off (10 s, 15 s) at two hops. */
const CONVERGENCE_MS_MAX = 60_000;
const TTL_MS = 60_000;

const names = (kind: string, count: number) => Array.from({ length: count }, (_, index) => `${kind}-${index + 1}`);

/**
 * Tracks come and go at half of the clients, caches hold a tenth of what is published, events want to be delivered in
 * full, and everything goes wrong, slow and stalled readers and drains included.
 */
export const load: Scenario = {
  name: 'load',
  run: (seed, observer) =>
    faultsThenPeace(seed, observer, {
      objectBytesMax: 4_000,
      options: {
        publishers: [
          {
            ...{ lists: names('list', 12), listIntervalMs: 120, entries: 400, ttlMs: TTL_MS },
            ...{ events: ['steady'], eventIntervalMs: 100 },
          },
        ],
        clients: 6,
        untilMs: FAULTS_UNTIL_MS,
        churnMs: 3_000,
        lazyConsumers: true,
        limits: {
          ...{ cacheBytesMax: 24 * 1024, trackHistoryBytesMax: 4 * 1024, lingerMs: 2_000 },
          ...{ conflationBacklogBytes: 2 * 1024, subscriptionBacklogBytes: 8 * 1024, fetchBacklogBytes: 16 * 1024 },
          ...{ behindGroupsMax: 8, behindMsMax: 5_000 },
        },
      },
    }),
};

/** Few peers and many tracks, some of them large: what is done in portions. */
export const manyTracks: Scenario = {
  name: 'many-tracks',
  run: (seed, observer) =>
    faultsThenPeace(seed, observer, {
      objectBytesMax: 24_000,
      options: {
        publishers: [
          {
            ...{ lists: names('small', 280), listIntervalMs: 200, entries: 3, ttlMs: 600_000 },
            ...{ events: [], eventIntervalMs: 100 },
          },
          {
            ...{ lists: names('large', 24), listIntervalMs: 2_000, entries: 2_000, ttlMs: 600_000 },
            ...{ events: [], eventIntervalMs: 100 },
          },
        ],
        clients: 2,
        origins: 1,
        edges: 1,
        untilMs: FAULTS_UNTIL_MS,
        limits: { fetchBacklogBytes: 32 * 1024 },
      },
    }),
};

interface Load {
  readonly options: LoadOptions;
  readonly objectBytesMax: number;
}

async function faultsThenPeace(seed: number, observer: RunObserver, { options, objectBytesMax }: Load): Promise<void> {
  const simulation = new Simulation(seed, { link: { latencyMs: 2 } });
  observer.built(simulation);
  const topology = buildLoad(simulation, options);
  const lists = options.publishers.flatMap(({ lists: own }) => own.map(listTrack));
  const steady = () => topology.steady.filter((name) => topology.node(name).running);
  const convergence = [resubscribesByItself(simulation), subscribersConverge(lists, steady)];
  simulation.hold(
    groupIdsRise(),
    bytesAreIdentical(),
    oneUpstreamSubscription(simulation),
    staysWithinBudget(simulation, { objectBytesMax }),
    workPerTurnIsBounded(simulation, objectBytesMax),
    upstreamLoadFollowsTracks(simulation, options.clients),
    ...convergence,
  );
  topology.start();
  const overAtMs = scheduleFaults(simulation, observer.faults(plan(simulation, topology)));
  await simulation.run(Math.max(overAtMs, FAULTS_UNTIL_MS));
  healAll(simulation);
  await simulation.runUntilTrue(() => convergence.every((one) => one.holds()), CONVERGENCE_MS_MAX);
  simulation.finish();
}

function plan({ random }: Simulation, { origins, edges, relays, publishers, clients }: LoadTopology): Fault[] {
  const all = [...relays, ...publishers, ...clients];
  return drawFaults(random, {
    links: [
      ...origins.flatMap((origin) => [...edges, ...publishers].map((other) => [origin, other] as const)),
      ...edges.flatMap((edge) => clients.map((client) => [edge, client] as const)),
    ],
    linkKinds: ['partition', 'reset', 'loss', 'bandwidth', 'delay', 'reordering'],
    nodes: {
      ...{ crash: all, pause: all, reboot: all, sleep: clients, 'wall-clock-step': all },
      ...{ 'slow-reader': clients, 'stalled-reader': clients, 'mass-reconnect': relays, drain: relays },
    },
    fromMs: FAULTS_FROM_MS,
    untilMs: FAULTS_UNTIL_MS,
    countMax: 8,
    durationMsMax: FAULT_MS_MAX,
  });
}
