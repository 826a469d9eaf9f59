import { drawFaults, type Fault, healAll, scheduleFaults } from '../frame/faults.js';
import type { Scenario } from '../frame/run-seed.js';
import { Simulation } from '../frame/simulation.js';
import { buildTwoTiers, POPS, RELAYS } from '../topologies/two-tiers.js';
import { CONVERGENCE_MS_MAX, dieOut } from './two-tiers.js';

const TTL_MS = 12_000;
/** Lists that nobody renews: only the agent itself puts right what went wrong. */
const LONG_TTL_MS = 24 * 3_600_000;
const FAULTS_FROM_MS = 3_000;
const FAULTS_UNTIL_MS = 40_000;
/** Who misses the last version is not helped by another one. */
const AUTHOR_UNTIL_MS = 25_000;
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
    const ttlMs = simulation.random.chance(0.5) ? TTL_MS : LONG_TTL_MS;
    const topology = buildTwoTiers(simulation, { ttlMs, authorUntilMs: AUTHOR_UNTIL_MS });
    topology.start();
    const overAtMs = scheduleFaults(simulation, observer.faults(plan(simulation)));
    await simulation.run(Math.max(overAtMs, FAULTS_UNTIL_MS));
    healAll(simulation);
    await simulation.runUntilTrue(() => topology.converged(), CONVERGENCE_MS_MAX);
    simulation.finish();
    if (ttlMs === TTL_MS) await dieOut(simulation, ttlMs);
  },
};

function plan({ random }: Simulation): Fault[] {
  // What a full disk does not take is not known after a restart: the node of which the disk is full keeps its power.
  const [forgetful, ...remembering] = POPS as readonly [string, ...string[]];
  return drawFaults(random, {
    links: POPS.flatMap((pop) => RELAYS.map((relay) => [relay, pop] as const)),
    nodes: {
      ...{ 'target-refuses': POPS, 'target-slow': POPS, 'target-drift': POPS },
      ...{ pause: POPS, 'disk-full': [forgetful], crash: remembering, reboot: remembering, 'disk-loss': remembering },
    },
    fromMs: FAULTS_FROM_MS,
    untilMs: FAULTS_UNTIL_MS,
    countMax: 20,
    durationMsMax: FAULT_MS_MAX,
  });
}
