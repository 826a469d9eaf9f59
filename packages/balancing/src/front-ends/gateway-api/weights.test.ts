import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memberWeights } from './weights.js';

describe('weights of members', () => {
  it('are those of the backends while each has the same number of members', () => {
    expect(
      memberWeights([
        { weight: 70, members: 1 },
        { weight: 30, members: 1 },
      ]),
    ).toEqual([70, 30]);
    expect(
      memberWeights([
        { weight: 2, members: 3 },
        { weight: 4, members: 3 },
      ]),
    ).toEqual([2, 4]);
    expect(
      memberWeights([
        { weight: 1, members: 2 },
        { weight: 1, members: 3 },
      ]),
    ).toEqual([3, 2]);
    expect(
      memberWeights([
        { weight: 0, members: 2 },
        { weight: 0, members: 3 },
      ]),
    ).toEqual([0, 0]);
    expect(memberWeights([{ weight: 5, members: 0 }])).toEqual([5]);
    expect(memberWeights([])).toEqual([]);
  });

  it('L4-12: give every backend its share, and stay within the core’s bounds', () => {
    const share = fc.record({
      weight: fc.integer({ min: 0, max: 1_000_000 }),
      members: fc.integer({ min: 1, max: 160 }),
    });
    fc.assert(
      fc.property(fc.array(share, { minLength: 1, maxLength: 16 }), (shares) => {
        const weights = memberWeights(shares);
        const wanted = shares.reduce((sum, { weight }) => sum + weight, 0);
        const total = weights.reduce((sum, weight, index) => sum + weight * shares[index]!.members, 0);
        for (const [index, { weight, members }] of shares.entries()) {
          expect(Number.isInteger(weights[index]) && weights[index]! >= 0 && weights[index]! <= 65_535).toBe(true);
          expect(weights[index] === 0).toBe(weight === 0);
          // Rounding moves a member by half a step of the largest weight, and lifts tiny ones to one.
          const share = (weights[index]! * members) / Math.max(total, 1);
          expect(Math.abs(share - weight / Math.max(wanted, 1))).toBeLessThan(0.02);
        }
      }),
      { seed: 4, numRuns: 300 },
    );
  });
});
