import type { Scenario } from '../frame/run-seed.js';

/** Every scenario, by name. */
export const scenarios: readonly Scenario[] = [];
