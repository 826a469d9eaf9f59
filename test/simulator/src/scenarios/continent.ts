import { drawFaults, type Fault, type FaultSpace, healAll, scheduleFaults } from '../frame/faults.js';
import type { Scenario } from '../frame/run-seed.js';
import { Simulation } from '../frame/simulation.js';
import { buildContinent, CONTINENT_LINK_KINDS, type Continent } from '../topologies/continent.js';
import { drawRates, drawShape, type Members } from '../topologies/continent-shape.js';
import { dieOut } from './two-tiers.js';

const TTLS_MS = [12_000, 30_000, 24 * 3_600_000] as const;
const FAULTS_FROM_MS = 4_000;
const FAULTS_UNTIL_MS = 30_000;
/** Share of seeds in which publishers may lose what they had written. */
const FORGETTING_RATE = 0.3;
const FAULT_MS_MAX = 15_000;
/**
 * Longest time from the last fault to convergence: at each of up to four hops an idle time-out (4 s) and a back-off
 * (10 s), then a renewal.
 */
const CONVERGENCE_MS_MAX = 80_000;

/** A small continent whose shape, latencies, faults and rates the seed draws. */
export const continent: Scenario = {
  name: 'continent',
  async run(seed, observer) {
    const simulation = new Simulation(seed, { link: { latencyMs: 2 } });
    const { random } = simulation;
    observer.built(simulation);
    const ttlMs = random.pick(TTLS_MS);
    const publishersForget = random.chance(FORGETTING_RATE);
    const topology = buildContinent(simulation, {
      shape: drawShape(random),
      rates: drawRates(random),
      ttlMs,
      intervalMs: random.between(300, 3000),
      authorUntilMs: FAULTS_UNTIL_MS,
      publishersForget,
      inFull: true,
    });
    topology.start();
    const overAtMs = scheduleFaults(simulation, observer.faults(plan(simulation, topology, publishersForget)));
    await simulation.run(Math.max(overAtMs, FAULTS_UNTIL_MS));
    healAll(simulation);
    await simulation.runUntilTrue(() => topology.converged(), CONVERGENCE_MS_MAX);
    simulation.finish();
    if (ttlMs === TTLS_MS[0]) await dieOut(simulation, ttlMs);
  },
};

/** What may happen to whom; `publishersForget`: their disks may be lost or old, too. */
export function faultNodes(members: Members, publishersForget: boolean): FaultSpace['nodes'] {
  const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);
  const relays = names(members.relays);
  const pops = names(members.pops);
  const publishers = names(members.publishers);
  const readers = [...pops, ...names(members.foreignSubscribers)];
  const all = [...relays, ...publishers, ...readers];
  const forgetting = publishersForget ? [...pops, ...publishers] : pops;
  return {
    ...{ crash: all, pause: all, reboot: all, 'wall-clock-step': all, 'wall-clock-rate': all },
    ...{ 'disk-loss': forgetting, 'torn-disk': forgetting, 'old-disk': forgetting },
    'disk-full': [...pops, ...publishers],
    sleep: [...publishers, ...readers],
    ...{ 'slow-reader': [...relays, ...readers], 'stalled-reader': [...relays, ...readers] },
    ...{ 'mass-reconnect': relays, 'certificate-expiry': all },
    'hostile-peer': names(members.hostilePeers),
  };
}

function plan({ random }: Simulation, { members, links }: Continent, publishersForget: boolean): Fault[] {
  return drawFaults(random, {
    links,
    linkKinds: CONTINENT_LINK_KINDS,
    nodes: faultNodes(members, publishersForget),
    fromMs: FAULTS_FROM_MS,
    untilMs: FAULTS_UNTIL_MS,
    countMax: 8,
    durationMsMax: FAULT_MS_MAX,
  });
}
