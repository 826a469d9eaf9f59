import type { Scenario } from '../frame/run-seed.js';
import { continent } from './continent.js';
import { continentLarge } from './continent-large.js';
import { tenThousand } from './ten-thousand.js';
import { data } from './data.js';
import { longTtl, twoTiers } from './two-tiers.js';

/** Every scenario of which many seeds can be run, by name. */
export const scenarios: readonly Scenario[] = [twoTiers, longTtl, continent];

/** Those of which one seed takes minutes. */
export const largeScenarios: readonly Scenario[] = [continentLarge, tenThousand];
