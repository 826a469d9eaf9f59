import { drawFaults, type Fault, healAll, scheduleFaults } from '../frame/faults.js';
import type { Scenario } from '../frame/run-seed.js';
import { Simulation } from '../frame/simulation.js';
import { buildData, type DataTopology, INVALID, PUBLISHER, STANDBY, SUBSCRIBERS } from '../topologies/data.js';

const TTL_MS = 12_000;
/** In a part of the seeds nothing is renewed, so that only recovery can bring what was missed. */
const TTLS_MS = [TTL_MS, TTL_MS, 24 * 3_600_000];
/** Long enough for events to be caught up with after every fault, or not. */
const EVENT_TTLS_MS = [120_000, 120_000, 120_000, TTL_MS];
const EDIT_MS = 600;
const FAULTS_FROM_MS = 4_000;
const FAULTS_UNTIL_MS = 30_000;
const FAULT_MS_MAX = 15_000;
const HOPS_MAX = 5;
/** Idle time-outs (4 s) and back-off (10 s) at each of up to five hops, a renewal (4 s). */
export const DATA_CONVERGENCE_MS_MAX = 90_000;
/** Share of seeds in which the second publisher takes over. */
const TAKEOVER_RATE = 0.5;

/**
 * Lists, a map and events over one to five relays, with faults of every kind; in half of the seeds a second publisher
 * takes over from one that is alive, paused or dead, and does not know. Then peace, and somebody who joins late. At last
 * the publishers die, and every list goes to its default.
 */
export const data: Scenario = {
  name: 'data',
  async run(seed, observer) {
    const simulation = new Simulation(seed, { link: { latencyMs: 2 } });
    observer.built(simulation);
    const { random } = simulation;
    const standby = random.chance(TAKEOVER_RATE);
    const ttlMs = random.pick(TTLS_MS);
    const topology = buildData(simulation, {
      ...{ seed, standby },
      hops: 1 + random.integer(HOPS_MAX),
      ttlMs,
      eventTtlMs: random.pick(EVENT_TTLS_MS),
      editIntervalMs: EDIT_MS,
      authorUntilMs: FAULTS_UNTIL_MS,
      wallOffsetMsMax: 5000,
    });
    topology.start();
    const takeoverMs = random.between(FAULTS_FROM_MS, FAULTS_UNTIL_MS);
    if (standby) simulation.world.schedule(takeoverMs, () => topology.node(STANDBY).start());
    const overAtMs = scheduleFaults(simulation, observer.faults(plan(simulation, topology)));
    await simulation.run(Math.max(overAtMs, FAULTS_UNTIL_MS));
    healAll(simulation);
    await simulation.runUntilTrue(() => topology.converged(), DATA_CONVERGENCE_MS_MAX);
    simulation.finish();
    if (ttlMs === TTL_MS) await dieOut(simulation);
  },
};

/** Without publishers every value ends at its TTL, with everything else alive and asking for it. */
async function dieOut(simulation: Simulation): Promise<void> {
  for (const name of [PUBLISHER, STANDBY, INVALID]) simulation.nodes.get(name)?.crash();
  const { world } = simulation;
  for (let afterMs = 20; afterMs <= TTL_MS + 1000; afterMs += 20) world.schedule(world.nowMs + afterMs, () => {});
  await simulation.run(world.nowMs + TTL_MS + 1000);
}

function plan({ random }: Simulation, { relays }: DataTopology): Fault[] {
  const clients = [PUBLISHER, ...SUBSCRIBERS];
  const all = [...relays, ...clients];
  const [head] = relays;
  const middle = relays[Math.floor(relays.length / 2)]!;
  return drawFaults(random, {
    links: [
      [PUBLISHER, head!],
      [INVALID, head!],
      ['far', relays.at(-1)!],
      ['near', middle],
      ...relays.slice(1).map((relay, index) => [relays[index]!, relay] as const),
    ],
    linkKinds: ['partition', 'reset', 'loss', 'bandwidth', 'delay', 'reordering'],
    nodes: {
      crash: all,
      pause: all,
      reboot: all,
      'disk-loss': [...relays, ...SUBSCRIBERS],
      'disk-full': [PUBLISHER],
      sleep: clients,
      'slow-reader': SUBSCRIBERS,
      'stalled-reader': SUBSCRIBERS,
      'mass-reconnect': relays,
      'wall-clock-step': all,
      'wall-clock-rate': all,
    },
    fromMs: FAULTS_FROM_MS,
    untilMs: FAULTS_UNTIL_MS,
    countMax: 8,
    durationMsMax: FAULT_MS_MAX,
  });
}
