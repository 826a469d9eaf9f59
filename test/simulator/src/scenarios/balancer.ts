import { drawFaults, type Fault, healAll, scheduleFaults } from '../frame/faults.js';
import type { Scenario } from '../frame/run-seed.js';
import { Simulation } from '../frame/simulation.js';
import { BALANCER_RELAYS, BALANCERS, buildBalancers, CONTROL, MEMBERS } from '../topologies/balancers.js';

const FAULTS_FROM_MS = 8_000;
const FAULTS_UNTIL_MS = 55_000;
/** Who misses the last version is not helped by another one. */
const AUTHOR_UNTIL_MS = 45_000;
const FAULT_MS_MAX = 18_000;
/** As lists converge (see `two-tiers`), and the checks that bring members back. */
export const BALANCERS_CONVERGE_MS_MAX = 55_000;

/**
 * Faults of every kind on the bus, on balancers, on members and between them while configurations are written; then peace,
 * in which one configuration wins everywhere.
 */
export const balancer: Scenario = {
  name: 'balancer',
  async run(seed, observer) {
    const simulation = new Simulation(seed, { link: { latencyMs: 2 } });
    observer.built(simulation);
    const topology = buildBalancers(simulation, { authorUntilMs: AUTHOR_UNTIL_MS });
    topology.start();
    const overAtMs = scheduleFaults(simulation, observer.faults(plan(simulation)));
    await simulation.run(Math.max(overAtMs, FAULTS_UNTIL_MS));
    healAll(simulation);
    await simulation.runUntilTrue(() => topology.converged(), BALANCERS_CONVERGE_MS_MAX);
    simulation.finish();
  },
};

function plan({ random }: Simulation): Fault[] {
  // What a full disk does not take is not known after a restart: the node of which the disk is full keeps its power.
  const [forgetful, ...remembering] = BALANCERS as readonly [string, ...string[]];
  const bus = [CONTROL, ...BALANCER_RELAYS];
  const links = [
    [CONTROL, 'origin'],
    ['origin', 'edge'],
    ...BALANCERS.map((balancer) => ['edge', balancer] as const),
    ...BALANCERS.flatMap((balancer) => MEMBERS.map((member) => [balancer, member] as const)),
  ] as const;
  return drawFaults(random, {
    links,
    nodes: {
      crash: [...bus, ...remembering, ...MEMBERS],
      pause: [...bus, ...BALANCERS, ...MEMBERS],
      reboot: [...bus, ...remembering],
      'disk-loss': [...BALANCER_RELAYS, ...remembering],
      sleep: [CONTROL],
      'wall-clock-step': [...bus, ...BALANCERS],
      'disk-full': [forgetful],
      'target-refuses': BALANCERS,
      'target-slow': BALANCERS,
      'target-drift': BALANCERS,
      'service-refuses': MEMBERS,
    },
    fromMs: FAULTS_FROM_MS,
    untilMs: FAULTS_UNTIL_MS,
    countMax: 16,
    durationMsMax: FAULT_MS_MAX,
  });
}
