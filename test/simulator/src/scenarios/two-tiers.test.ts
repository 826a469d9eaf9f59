import { describe, expect, it } from 'vitest';
import { runSeed } from '../frame/run-seed.js';
import { longTtl, twoTiers } from './two-tiers.js';

/** A fixed sample; `pnpm simulate` runs more. Together they have every kind of fault. */
const SEEDS = [1, 7, 101, 208, 343, 512];

/** Seeds that found a fault, each with what was wrong. */
const FOUND: readonly (readonly [number, string])[] = [
  [15, 'an agent enforced a value before it was on disk, and went back to the one before after a crash'],
  [34, 'the same, with both lists'],
  [
    16,
    'a fast object had the deadline of the value before reconsidered half-way: an update told its value with the old group',
  ],
  [60, 'an object from a cache hid how fast the network is, so that a late copy got too much time'],
  [214, 'a deadline that moved earlier waited for the disk'],
  [545, 'a writer that lost its disk and whose clock went back wrote groups that everybody took for old'],
  [10_326, 'a stream that came long before its SUBSCRIBE_OK was refused, and nobody missed the rest of its group'],
];

describe('two tiers, three PoPs', () => {
  it.each(FOUND)('seed %i, which found that %s, holds every invariant', async (seed) => {
    expect((await runSeed(twoTiers, seed)).violation).toBeNull();
  });

  it.each(SEEDS)('BUS-136: seed %i holds every invariant, and its second run has the same trace', async (seed) => {
    const first = await runSeed(twoTiers, seed);
    expect(first.violation).toBeNull();
    expect(first.steps).toBeGreaterThan(1000);
    const second = await runSeed(twoTiers, seed);
    expect(second).toEqual(first);
  });

  it.each(SEEDS)('BUS-36: seed %i converges without the help of a renewal', async (seed) => {
    expect((await runSeed(longTtl, seed)).violation).toBeNull();
  });

  it('BUS-136: other seeds have other traces', async () => {
    const hashes = await Promise.all([11, 12].map(async (seed) => (await runSeed(twoTiers, seed)).traceHash));
    expect(hashes[0]).not.toBe(hashes[1]);
  });
});
