import type { Scenario } from '../frame/run-seed.js';
import { twoTiers } from './two-tiers.js';

/** Every scenario, by name. */
export const scenarios: readonly Scenario[] = [twoTiers];
