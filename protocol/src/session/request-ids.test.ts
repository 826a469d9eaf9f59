import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PeerRequestIds } from './request-ids.js';

describe('request ids of the peer', () => {
  it('accepts ids that overtake each other, each once', () => {
    const ids = new PeerRequestIds(0, 16);
    expect([0, 6, 2, 4, 8].map((id) => ids.take(id))).toEqual([null, null, null, null, null]);
    expect([0, 6, 2, 4, 8].map((id) => ids.take(id))).toEqual(Array(5).fill('duplicate'));
    expect(ids.next).toBe(10);
  });

  it('refuses ids of the other side and ids beyond what a session can reach', () => {
    const ids = new PeerRequestIds(1, 16);
    expect(ids.take(0)).toBe('parity');
    expect(ids.take(2n ** 60n)).toBe('range');
    expect(ids.take(1)).toBe(null);
  });

  it('knows which ids may still come', () => {
    const ids = new PeerRequestIds(0, 16);
    ids.take(4);
    expect([0, 2, 4, 6, 1].map((id) => ids.mayArrive(id))).toEqual([true, true, false, true, false]);
  });

  it('keeps a bounded number of gaps however far an id jumps', () => {
    const ids = new PeerRequestIds(0, 3);
    ids.take(2 ** 40);
    expect(ids.take(0)).toBe('duplicate');
    expect([2, 4, 6].map((back) => ids.take(2 ** 40 - back))).toEqual([null, null, null]);
    expect(ids.take(2 ** 40 - 8)).toBe('duplicate');
    ids.take(2 ** 40 + 100);
    expect(ids.take(2 ** 40 + 92)).toBe('duplicate');
    expect(ids.take(2 ** 40 + 94)).toBe(null);
  });

  it('agrees with a plain set on every order of ids', () => {
    const order = fc.array(fc.nat(40), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(order, fc.integer({ min: 1, max: 12 }), (numbers, missingMax) => {
        const ids = new PeerRequestIds(0, missingMax);
        const seen = new Set<number>();
        let next = 0;
        for (const id of numbers.map((number) => 2 * number)) {
          const missing = Array.from({ length: next / 2 }, (_, i) => 2 * i).filter((other) => !seen.has(other));
          const arrives = id >= next || missing.slice(-missingMax).includes(id);
          expect(ids.mayArrive(id)).toBe(arrives);
          expect(ids.take(id)).toBe(arrives ? null : 'duplicate');
          if (!arrives) continue;
          // What was forgotten counts as seen from then on.
          for (const other of missing.slice(0, -missingMax)) seen.add(other);
          seen.add(id);
          next = Math.max(next, id + 2);
        }
      }),
      { seed: 18, numRuns: 500 },
    );
  });
});
