import { publisherHeartbeat } from '@higgins/signals';
import { type Fault, scheduleFaults } from '../frame/faults.js';
import type { Scenario } from '../frame/run-seed.js';
import { Simulation } from '../frame/simulation.js';
import { deadPublisherIsKnown } from '../invariants/dead-publisher-is-known.js';
import { listTrack } from '../programs/storm-client.js';
import { buildLoad, type LoadTopology } from '../topologies/load.js';

const DAY_MS = 24 * 3_600_000;
/** One fault in each, so that none adds to the silence that another one made. */
const SLOT_MS = 25_000;
const SLOTS = 5;
/** A pause, the four seconds until it counts as a loss, and the way back stay below three heartbeats. */
const FAULT_MS_MAX = 3_000;
/** The way to a consumer: reconnection and resubscription at two hops. */
const DELIVERY_MS_MAX = 4_000;
const DEATH_MS = 60_000;

/**
 * A publisher of a value that is renewed every eight hours. First whoever is on the way pauses, restarts or is cut off
 * for less than three heartbeats; then the publisher dies, and lives again.
 */
export const loadHeartbeats: Scenario = {
  name: 'load-heartbeats',
  async run(seed, observer) {
    const simulation = new Simulation(seed, { link: { latencyMs: 2 } });
    observer.built(simulation);
    const topology = buildLoad(simulation, {
      publishers: [
        {
          ...{ lists: ['slow'], listIntervalMs: null, entries: 3, ttlMs: DAY_MS },
          ...{ events: [], eventIntervalMs: 1000 },
        },
      ],
      clients: 4,
      untilMs: Number.POSITIVE_INFINITY,
    });
    const deaths = deadPublisherIsKnown({
      heartbeatMs: publisherHeartbeat.renewalMs,
      deliveryMsMax: DELIVERY_MS_MAX,
      consumers: topology.clients,
      track: listTrack('slow'),
    });
    simulation.hold(deaths);
    topology.start();
    scheduleFaults(simulation, observer.faults(plan(simulation, topology)));
    await simulation.run((SLOTS + 1) * SLOT_MS);
    const publisher = topology.node(topology.publishers[0]!);
    publisher.crash();
    deaths.publisher(false, simulation.world.nowMs);
    await simulation.run(simulation.world.nowMs + DEATH_MS);
    publisher.start();
    deaths.publisher(true, simulation.world.nowMs);
    await simulation.run(simulation.world.nowMs + SLOT_MS);
    simulation.finish();
  },
};

function plan({ random }: Simulation, { origins, edges, publishers, clients }: LoadTopology): Fault[] {
  const nodes = [...publishers, ...edges, ...clients];
  const links = [
    ...origins.flatMap((origin) => [...publishers, ...edges].map((other) => [origin, other] as const)),
    ...edges.flatMap((edge) => clients.map((client) => [edge, client] as const)),
  ];
  return Array.from({ length: SLOTS }, (_, slot): Fault => {
    const times = { atMs: (slot + 1) * SLOT_MS + random.between(0, 5000), durationMs: random.between(0, FAULT_MS_MAX) };
    const kind = random.pick(['pause', 'sleep', 'partition', 'reset', 'wall-clock-step'] as const);
    if (kind === 'pause' || kind === 'sleep') return { kind, node: random.pick(nodes), ...times };
    if (kind === 'wall-clock-step') return { kind, node: random.pick(nodes), byMs: 3_600_000, ...times, durationMs: 0 };
    const [left, right] = random.pick(links);
    if (kind === 'reset') return { kind, left, right, ...times, durationMs: 0 };
    return { kind, left, right, ways: 'both', ...times };
  });
}
