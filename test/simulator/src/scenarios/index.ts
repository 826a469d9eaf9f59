import type { Scenario } from '../frame/run-seed.js';
import { balancer } from './balancer.js';
import { continent } from './continent.js';
import { continentLarge } from './continent-large.js';
import { data } from './data.js';
import { tenThousand } from './ten-thousand.js';
import { longTtl, twoTiers } from './two-tiers.js';

/** Every scenario of which many seeds can be run, by name. */
export const scenarios: readonly Scenario[] = [twoTiers, longTtl, data, balancer, continent];

/** Those of which one seed takes minutes. */
export const largeScenarios: readonly Scenario[] = [continentLarge, tenThousand];
