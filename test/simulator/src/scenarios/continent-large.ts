import { drawFaults, healAll, scheduleFaults } from '../frame/faults.js';
import type { Scenario } from '../frame/run-seed.js';
import { Simulation } from '../frame/simulation.js';
import { buildContinent, CONTINENT_LINK_KINDS } from '../topologies/continent.js';
import type { ContinentShape } from '../topologies/continent-shape.js';
import { faultNodes } from './continent.js';

const SHAPE: ContinentShape = {
  origins: 2,
  regions: 5,
  regionalsPerRegion: 2,
  edgesPerRegion: 5,
  popsPerEdge: 20,
  publishers: 2,
  listsPerPublisher: 50,
  foreignSubscribers: 2,
  hostilePeers: 1,
  probes: 0,
};

const TTL_MS = 24 * 3_600_000;
const FAULTS_FROM_MS = 5_000;
const FAULTS_UNTIL_MS = 15_000;
const CONVERGENCE_MS_MAX = 80_000;
/** Whether everything has converged is looked at so often: it takes as long as many steps. */
const LOOK_MS = 250;

/** 500 PoPs that follow 100 tracks each, in five regions. BUS-57. */
export const continentLarge: Scenario = {
  name: 'continent-large',
  async run(seed, observer) {
    const simulation = new Simulation(seed, { link: { latencyMs: 2 }, overwriteLentBytes: false });
    observer.built(simulation);
    const topology = buildContinent(simulation, {
      shape: SHAPE,
      rates: { limits: {}, entriesFactor: 1 },
      ttlMs: TTL_MS,
      intervalMs: 1000,
      authorUntilMs: FAULTS_UNTIL_MS,
      publishersForget: false,
      inFull: false,
    });
    topology.start();
    const drawn = drawFaults(simulation.random, {
      links: topology.links,
      linkKinds: CONTINENT_LINK_KINDS,
      nodes: faultNodes(topology.members, false),
      fromMs: FAULTS_FROM_MS,
      untilMs: FAULTS_UNTIL_MS,
      countMax: 20,
      durationMsMax: 10_000,
    });
    const overAtMs = scheduleFaults(simulation, observer.faults(drawn));
    await simulation.run(Math.max(overAtMs, FAULTS_UNTIL_MS));
    healAll(simulation);
    await simulation.runUntilTrue(() => topology.converged(), CONVERGENCE_MS_MAX, LOOK_MS);
    simulation.finish();
  },
};
