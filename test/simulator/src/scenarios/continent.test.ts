import { describe, expect, it } from 'vitest';
import { runSeed } from '../frame/run-seed.js';
import { continent } from './continent.js';

/** A fixed sample; `pnpm simulate` runs more. */
const SEEDS = [3, 5, 7];

/** Seeds that found a fault, each with what was wrong. */
const FOUND: readonly (readonly [number, string])[] = [
  [301, 'an agent span while a value came to its end in the middle of a transaction'],
];

describe('a small continent', () => {
  it.each(FOUND)('seed %i, which found that %s, holds every invariant', async (seed) => {
    expect((await runSeed(continent, seed)).violation).toBeNull();
  });

  it.each(SEEDS)('BUS-136: seed %i holds every invariant, and its second run has the same trace', async (seed) => {
    const first = await runSeed(continent, seed);
    expect(first.violation).toBeNull();
    expect(first.steps).toBeGreaterThan(5000);
    expect(await runSeed(continent, seed)).toEqual(first);
  });
});
