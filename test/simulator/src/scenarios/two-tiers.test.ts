import { describe, expect, it } from 'vitest';
import { runSeed } from '../frame/run-seed.js';
import { twoTiers } from './two-tiers.js';

/** A fixed sample; `pnpm simulate` runs more. Together they have every kind of fault. */
const SEEDS = [1, 7, 101, 208, 343, 512];

describe('two tiers, three PoPs', () => {
  it.each(SEEDS)('BUS-136: seed %i holds every invariant, and its second run has the same trace', async (seed) => {
    const first = await runSeed(twoTiers, seed);
    expect(first.violation).toBeNull();
    expect(first.steps).toBeGreaterThan(1000);
    const second = await runSeed(twoTiers, seed);
    expect(second).toEqual(first);
  });

  it('BUS-136: other seeds have other traces', async () => {
    const hashes = await Promise.all([11, 12].map(async (seed) => (await runSeed(twoTiers, seed)).traceHash));
    expect(hashes[0]).not.toBe(hashes[1]);
  });
});
