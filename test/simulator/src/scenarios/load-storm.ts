import { type Fault, healAll, scheduleFaults } from '../frame/faults.js';
import type { RunObserver, Scenario } from '../frame/run-seed.js';
import { Simulation } from '../frame/simulation.js';
import { oneUpstreamSubscription } from '../invariants/one-upstream-subscription.js';
import { resubscribesByItself } from '../invariants/resubscribes-by-itself.js';
import { staysWithinBudget } from '../invariants/stays-within-budget.js';
import { subscribersConverge } from '../invariants/subscribers-converge.js';
import { upstreamLoadFollowsTracks } from '../invariants/upstream-load-follows-tracks.js';
import { workPerTurnIsBounded } from '../invariants/work-per-turn-is-bounded.js';
import { listTrack } from '../programs/storm-client.js';
import { buildLoad, type LoadTopology } from '../topologies/load.js';

const FROM_MS = 8_000;
const SLOT_MS = 8_000;
const SLOTS = 3;
const DOWN_MS_MAX = 3_000;
const OBJECT_BYTES_MAX = 1_000;
/** Twice what a client needs that is turned away until its pauses have reached their longest. */
const CONVERGENCE_MS_MAX = 120_000;

/** Everybody comes back at once, again and again: relays restart together, or lose every connection. */
export const loadStorm: Scenario = {
  name: 'load-storm',
  run: (seed, observer) => storm(seed, observer, { clients: 60, lists: 6, sessionsPerSecondMax: 25 }),
};

/** The same with a thousand clients. */
export const thousandClients: Scenario = {
  name: 'thousand-clients',
  run: (seed, observer) => storm(seed, observer, { clients: 1_000, lists: 4, sessionsPerSecondMax: 200 }),
};

interface Storm {
  readonly clients: number;
  readonly lists: number;
  readonly sessionsPerSecondMax: number;
}

async function storm(
  seed: number,
  observer: RunObserver,
  { clients, lists, sessionsPerSecondMax }: Storm,
): Promise<void> {
  const simulation = new Simulation(seed, { link: { latencyMs: 2 }, overwriteLentBytes: clients < 100 });
  observer.built(simulation);
  const untilMs = FROM_MS + SLOTS * SLOT_MS;
  const list = Array.from({ length: lists }, (_, index) => `list-${index + 1}`);
  const topology = buildLoad(simulation, {
    publishers: [
      {
        ...{ lists: list, listIntervalMs: 1_000, entries: 10, ttlMs: 600_000 },
        ...{ events: [], eventIntervalMs: 1_000 },
      },
    ],
    ...{ clients, untilMs, clientMsMax: 3, limits: { sessionsPerSecondMax } },
  });
  const convergence = [
    resubscribesByItself(simulation),
    subscribersConverge(list.map(listTrack), () => topology.clients),
  ];
  simulation.hold(
    upstreamLoadFollowsTracks(simulation, clients / topology.edges.length),
    workPerTurnIsBounded(simulation, OBJECT_BYTES_MAX),
    staysWithinBudget(simulation, { objectBytesMax: OBJECT_BYTES_MAX }),
    oneUpstreamSubscription(simulation),
    ...convergence,
  );
  topology.start();
  scheduleFaults(simulation, observer.faults(plan(simulation, topology)));
  await simulation.run(untilMs + SLOT_MS);
  healAll(simulation);
  await simulation.runUntilTrue(() => convergence.every((one) => one.holds()), CONVERGENCE_MS_MAX);
  simulation.finish();
}

function plan({ random }: Simulation, { relays, edges }: LoadTopology): Fault[] {
  return Array.from({ length: SLOTS }, (_, slot): Fault[] => {
    const atMs = FROM_MS + slot * SLOT_MS;
    const kind = random.pick(['mass-reconnect', 'crash', 'reboot'] as const);
    const durationMs = kind === 'mass-reconnect' ? 0 : random.between(500, DOWN_MS_MAX);
    const nodes = random.chance(0.5) ? relays : edges;
    return nodes.map((node) => ({ kind, node, atMs, durationMs }));
  }).flat();
}
