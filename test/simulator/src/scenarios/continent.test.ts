import { describe, expect, it } from 'vitest';
import { runSeed } from '../frame/run-seed.js';
import { continent } from './continent.js';

/** A fixed sample; `pnpm simulate` runs more. */
const SEEDS = [6, 7, 8];
/** Two runs take seconds; nothing is said about time. */
const TIMEOUT_MS = 600_000;

describe('a small continent', () => {
  it.each(SEEDS)(
    'BUS-136: seed %i holds every invariant, and its second run has the same trace',
    async (seed) => {
      const first = await runSeed(continent, seed);
      expect(first.violation).toBeNull();
      expect(first.steps).toBeGreaterThan(1000);
      expect(await runSeed(continent, seed)).toEqual(first);
    },
    TIMEOUT_MS,
  );
});
