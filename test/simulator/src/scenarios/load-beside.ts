import { type Fault, scheduleFaults } from '../frame/faults.js';
import type { Invariant } from '../frame/invariant.js';
import type { RunObserver, Scenario } from '../frame/run-seed.js';
import { Simulation } from '../frame/simulation.js';
import { aStalledPeerMovesNobody } from '../invariants/a-stalled-peer-moves-nobody.js';
import { lossDelaysOnlyItsOwn } from '../invariants/loss-delays-only-its-own.js';
import { type DeliveryTimes, recordDeliveries } from '../invariants/support/delivery-times.js';
import { buildLoad, type LoadTopology } from '../topologies/load.js';

const UNTIL_MS = 20_000;
const END_MS = 24_000;
const FAULTS = 3;
const FAULT_MS_MAX = 10_000;
/** What is wrong with one of them must not be felt by the others. */
const PEER = 'client-1';
const PUBLISHER = 'publisher-1';

/** One client reads slowly or not at all, or stands still; another one has consumers that never look. */
export const loadStall: Scenario = {
  name: 'load-stall',
  async run(seed, observer) {
    const without = await undisturbed(seed);
    await disturbed(seed, observer, {
      lazyConsumers: true,
      invariant: () => aStalledPeerMovesNobody(without, [PEER]),
      fault: (random, times) => {
        const kind = random.pick(['stalled-reader', 'pause', 'slow-reader', 'partition'] as const);
        if (kind === 'partition') return { kind, left: 'edge-1', right: PEER, ways: 'both', ...times };
        if (kind === 'slow-reader') return { kind, node: PEER, bytesPerSecond: random.between(100, 2000), ...times };
        return { kind, node: PEER, ...times };
      },
    });
  },
};

/** The path to one client and that from one publisher lose packets. */
export const loadLoss: Scenario = {
  name: 'load-loss',
  async run(seed, observer) {
    const without = await undisturbed(seed);
    await disturbed(seed, observer, {
      lazyConsumers: false,
      invariant: ({ tracksOf }) => {
        const behind = new Set(tracksOf(PUBLISHER));
        return lossDelaysOnlyItsOwn(without, (node, track) => node === PEER || behind.has(track));
      },
      fault: (random, times) => {
        const [left, right] = random.pick([
          ['edge-1', PEER],
          ['origin-1', PUBLISHER],
        ] as const);
        return { kind: 'loss', left, right, rate: random.between(0.05, 0.5), ...times };
      },
    });
  },
};

interface Disturbance {
  readonly lazyConsumers: boolean;
  invariant(topology: LoadTopology): Invariant;
  fault(random: Simulation['random'], times: { readonly atMs: number; readonly durationMs: number }): Fault;
}

async function undisturbed(seed: number): Promise<DeliveryTimes> {
  const { simulation } = worldOf(seed, false);
  const times: DeliveryTimes = new Map();
  simulation.hold(recordDeliveries(times));
  await simulation.run(END_MS);
  return times;
}

async function disturbed(seed: number, observer: RunObserver, disturbance: Disturbance): Promise<void> {
  const { simulation, topology } = worldOf(seed, disturbance.lazyConsumers);
  observer.built(simulation);
  simulation.hold(disturbance.invariant(topology));
  const { random } = simulation;
  const drawn = Array.from({ length: FAULTS }, () => {
    const times = { atMs: random.between(3_000, UNTIL_MS), durationMs: random.between(100, FAULT_MS_MAX) };
    return disturbance.fault(random, times);
  });
  scheduleFaults(simulation, observer.faults(drawn.sort((one, other) => one.atMs - other.atMs)));
  await simulation.run(END_MS);
  simulation.finish();
}

function worldOf(seed: number, lazyConsumers: boolean) {
  const simulation = new Simulation(seed, { link: { latencyMs: 2 } });
  const content = (name: string) => ({
    ...{ lists: [`${name}-1`, `${name}-2`, `${name}-3`], listIntervalMs: 80, entries: 12, ttlMs: 60_000 },
    ...{ events: [name], eventIntervalMs: 80 },
  });
  const topology = buildLoad(simulation, {
    publishers: [content('lossy'), content('clean')],
    ...{ clients: 5, untilMs: UNTIL_MS, lazyConsumers },
  });
  topology.start();
  return { simulation, topology };
}
