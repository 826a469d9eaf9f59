import { drawFaults, type Fault, healAll, scheduleFaults } from '../frame/faults.js';
import type { Scenario } from '../frame/run-seed.js';
import { Simulation } from '../frame/simulation.js';
import { buildTwoTiers, POPS, RELAYS } from '../topologies/two-tiers.js';
import { CONVERGENCE_MS_MAX, dieOut } from './two-tiers.js';

const TTL_MS = 12_000;
const FAULTS_FROM_MS = 3_000;
const FAULTS_UNTIL_MS = 40_000;
const FAULT_MS_MAX = 10_000;

/**
 * Kernels that refuse what an agent asks, take their time, or are emptied by somebody else, while versions are written and
 * the agent's own machine has its faults.
 */
export const agent: Scenario = {
  name: 'agent',
  async run(seed, observer) {
    const simulation = new Simulation(seed, { link: { latencyMs: 2 } });
    observer.built(simulation);
    const topology = buildTwoTiers(simulation, { ttlMs: TTL_MS, authorUntilMs: FAULTS_UNTIL_MS });
    topology.start();
    const overAtMs = scheduleFaults(simulation, observer.faults(plan(simulation)));
    await simulation.run(Math.max(overAtMs, FAULTS_UNTIL_MS));
    healAll(simulation);
    await simulation.runUntilTrue(() => topology.converged(), CONVERGENCE_MS_MAX);
    simulation.finish();
    await dieOut(simulation, TTL_MS);
  },
};

function plan({ random }: Simulation): Fault[] {
  return drawFaults(random, {
    links: POPS.flatMap((pop) => RELAYS.map((relay) => [relay, pop] as const)),
    nodes: {
      ...{ 'target-refuses': POPS, 'target-slow': POPS, 'target-drift': POPS },
      ...{ crash: POPS, reboot: POPS, pause: POPS, 'disk-loss': POPS, 'disk-full': POPS },
    },
    fromMs: FAULTS_FROM_MS,
    untilMs: FAULTS_UNTIL_MS,
    countMax: 12,
    durationMsMax: FAULT_MS_MAX,
  });
}
