import type { Scenario } from '../frame/run-seed.js';
import { agent } from './agent.js';
import { balancer } from './balancer.js';
import { continent } from './continent.js';
import { continentLarge } from './continent-large.js';
import { data } from './data.js';
import { load, manyTracks } from './load.js';
import { loadLoss, loadStall } from './load-beside.js';
import { loadDrain } from './load-drain.js';
import { loadHeartbeats } from './load-heartbeats.js';
import { loadStorm, thousandClients } from './load-storm.js';
import { twice } from './same-trace.js';
import { tenThousand } from './ten-thousand.js';
import { longTtl, twoTiers } from './two-tiers.js';

/** Every scenario of which many seeds can be run, by name. */
export const scenarios: readonly Scenario[] = [
  ...[twoTiers, longTtl, data, agent, balancer, continent],
  ...[load, manyTracks, loadHeartbeats, loadDrain, loadStall, loadLoss, loadStorm, twice],
];

/** Those of which one seed takes minutes. */
export const largeScenarios: readonly Scenario[] = [continentLarge, tenThousand, thousandClients];
