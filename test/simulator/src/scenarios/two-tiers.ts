import { drawFaults, type Fault, healAll, scheduleFaults } from '../frame/faults.js';
import type { RunObserver, Scenario } from '../frame/run-seed.js';
import { Simulation } from '../frame/simulation.js';
import { buildTwoTiers, POPS, PUBLISHER, RELAYS } from '../topologies/two-tiers.js';

const TTL_MS = 12_000;
const LONG_TTL_MS = 24 * 3_600_000;
const FAULTS_FROM_MS = 5_000;
const FAULTS_UNTIL_MS = 45_000;
const FAULT_MS_MAX = 15_000;
/** Longest time from the last fault to convergence: idle time-outs (4 s), back-off (10 s) at two hops, a renewal (4 s). */
export const CONVERGENCE_MS_MAX = 40_000;

/** Faults of every kind while versions are written, then peace, then the death of everything but the kernels. */
export const twoTiers: Scenario = {
  name: 'two-tiers',
  async run(seed, observer) {
    const simulation = await faultsThenPeace(seed, observer, TTL_MS);
    // Renewals keep the values in force, and nothing else happens.
    await simulation.run(simulation.world.nowMs + 2 * TTL_MS);
    simulation.finish();
    await dieOut(simulation, TTL_MS);
  },
};

/**
 * The same with lists that are renewed every eight hours: what was published during a fault must arrive by recovery,
 * because nobody will publish it again.
 */
export const longTtl: Scenario = {
  name: 'long-ttl',
  async run(seed, observer) {
    await faultsThenPeace(seed, observer, LONG_TTL_MS);
  },
};

async function faultsThenPeace(seed: number, observer: RunObserver, ttlMs: number): Promise<Simulation> {
  const simulation = new Simulation(seed, { link: { latencyMs: 2 } });
  observer.built(simulation);
  const topology = buildTwoTiers(simulation, { ttlMs, authorUntilMs: FAULTS_UNTIL_MS });
  topology.start();
  const overAtMs = scheduleFaults(simulation, observer.faults(plan(simulation)));
  await simulation.run(Math.max(overAtMs, FAULTS_UNTIL_MS));
  healAll(simulation);
  await simulation.runUntilTrue(() => topology.converged(), CONVERGENCE_MS_MAX);
  simulation.finish();
  return simulation;
}

/** With everything dead but the kernels, values end on time: each step of this time is judged. */
export async function dieOut(simulation: Simulation, ttlMs: number): Promise<void> {
  for (const node of simulation.nodes.values()) node.crash();
  const { world } = simulation;
  for (let afterMs = 5; afterMs <= ttlMs + 1000; afterMs += 5) world.schedule(world.nowMs + afterMs, () => {});
  await simulation.run(world.nowMs + ttlMs + 1000);
}

function plan({ random }: Simulation): Fault[] {
  const clients = [PUBLISHER, ...POPS];
  const all = [...RELAYS, ...clients];
  return drawFaults(random, {
    links: [[PUBLISHER, 'origin'], ['origin', 'edge'], ...POPS.map((pop) => ['edge', pop] as const)],
    nodes: {
      crash: all,
      pause: all,
      reboot: all,
      'disk-loss': [...RELAYS, ...POPS],
      sleep: clients,
      'wall-clock-step': all,
    },
    fromMs: FAULTS_FROM_MS,
    untilMs: FAULTS_UNTIL_MS,
    countMax: 8,
    durationMsMax: FAULT_MS_MAX,
  });
}
