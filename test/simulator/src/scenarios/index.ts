import type { Scenario } from '../frame/run-seed.js';
import { longTtl, twoTiers } from './two-tiers.js';

/** Every scenario, by name. */
export const scenarios: readonly Scenario[] = [twoTiers, longTtl];
