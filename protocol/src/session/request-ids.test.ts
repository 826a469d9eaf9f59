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
});
