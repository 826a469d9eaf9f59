import { type Fault, scheduleFaults } from '../frame/faults.js';
import type { Scenario } from '../frame/run-seed.js';
import { Simulation } from '../frame/simulation.js';
import { leavingLosesNothing } from '../invariants/leaving-loses-nothing.js';
import { resubscribesByItself } from '../invariants/resubscribes-by-itself.js';
import { buildLoad, type LoadTopology } from '../topologies/load.js';

const FROM_MS = 6_000;
/** One relay at a time leaves, and is back before the next one does. */
const SLOT_MS = 12_000;
const SLOTS = 5;
const AWAY_MS = 7_000;
/** The longest way from a publisher to a client, and a little: nothing is asked for anew. */
const DELIVERY_MS_MAX = 230;

/**
 * Relays leave one after the other, as at an upgrade, and certificates expire and are renewed while sessions go on:
 * nobody notices.
 */
export const loadDrain: Scenario = {
  name: 'load-drain',
  async run(seed, observer) {
    const simulation = new Simulation(seed, { link: { latencyMs: 2 } });
    observer.built(simulation);
    const untilMs = FROM_MS + SLOTS * SLOT_MS;
    const topology = buildLoad(simulation, {
      publishers: [
        {
          ...{ lists: ['one', 'two'], listIntervalMs: 300, entries: 20, ttlMs: 60_000 },
          ...{ events: ['steady'], eventIntervalMs: 50 },
        },
      ],
      ...{ clients: 4, untilMs, clientMsMax: 60 },
    });
    const served = resubscribesByItself(simulation);
    simulation.hold(
      leavingLosesNothing({
        ...{ consumers: topology.clients, tracks: topology.tracks },
        ...{ deliveryMsMax: DELIVERY_MS_MAX, fromMs: FROM_MS - 1000 },
      }),
      served,
    );
    topology.start();
    scheduleFaults(simulation, observer.faults(plan(simulation, topology)));
    await simulation.run(untilMs + SLOT_MS);
    simulation.finish();
  },
};

function plan({ random }: Simulation, { relays, clients, publishers }: LoadTopology): Fault[] {
  const certified = [...relays, ...clients, ...publishers];
  return Array.from({ length: SLOTS }, (_, slot): Fault => {
    const atMs = FROM_MS + slot * SLOT_MS + random.between(0, 1000);
    if (random.chance(0.75)) return { kind: 'drain', node: random.pick(relays), atMs, durationMs: AWAY_MS };
    const node = random.pick(certified);
    return { kind: 'certificate-expiry', node, resets: false, atMs, durationMs: AWAY_MS };
  });
}
