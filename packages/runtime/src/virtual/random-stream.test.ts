import { describe, expect, it } from 'vitest';
import { RandomStream } from './random-stream.js';

describe('RandomStream', () => {
  it('gives the same numbers for the same seed and label, and others for any other', () => {
    const draw = (seed: number, label: string) => {
      const stream = new RandomStream(seed, label);
      return Array.from({ length: 20 }, () => stream.next());
    };
    expect(draw(1, 'a')).toEqual(draw(1, 'a'));
    const streams = [draw(1, 'a'), draw(1, 'b'), draw(2, 'a'), draw(2 ** 40, 'a'), draw(2 ** 40 + 1, 'a')];
    expect(new Set(streams.map(String)).size).toBe(streams.length);
  });

  it('gives the numbers that it has always given, so that a seed in a report stays good', () => {
    const stream = new RandomStream(2026, 'golden');
    expect(Array.from({ length: 4 }, () => stream.integer(1_000_000))).toEqual(GOLDEN);
  });

  it('spreads evenly over [0, 1)', () => {
    const stream = new RandomStream(3);
    const counts = new Array<number>(10).fill(0);
    for (let draw = 0; draw < 20_000; draw += 1) counts[Math.floor(stream.next() * 10)]! += 1;
    expect(counts.every((count) => count > 1800 && count < 2200)).toBe(true);
  });

  it('decides certain chances without a draw', () => {
    const [left, right] = [new RandomStream(4), new RandomStream(4)];
    expect([left.chance(0), left.chance(1)]).toEqual([false, true]);
    expect(left.next()).toBe(right.next());
  });
});

const GOLDEN = [45_575, 987_268, 368_382, 22_273];
