import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EpochError } from '../errors.js';
import {
  EPOCH_AHEAD_SECONDS_MAX,
  EPOCH_LIMIT,
  EPOCH_ORIGIN_WALL_MS,
  epochOf,
  GROUPS_PER_EPOCH,
  groupId,
  nextEpoch,
  publishTimeMs,
} from './epoch.js';

const wallMs = EPOCH_ORIGIN_WALL_MS + 1_000_000_500;

describe('nextEpoch', () => {
  it('BUS-10: starts at 2026-01-01 and counts seconds when nothing is stored', () => {
    expect(new Date(EPOCH_ORIGIN_WALL_MS).toISOString()).toBe('2026-01-01T00:00:00.000Z');
    expect(nextEpoch({ storedEpoch: null, seenEpoch: null, wallMs })).toBe(1_000_000);
  });

  it('BUS-09: lies above the stored and the seen epoch, whatever the clock says', () => {
    expect(nextEpoch({ storedEpoch: 1_000_000, seenEpoch: null, wallMs })).toBe(1_000_001);
    expect(nextEpoch({ storedEpoch: 7, seenEpoch: 1_000_123, wallMs })).toBe(1_000_124);
    expect(nextEpoch({ storedEpoch: 5, seenEpoch: 3, wallMs: EPOCH_ORIGIN_WALL_MS })).toBe(6);
  });

  it('BUS-10: refuses 2^31 and a year ahead of the clock', () => {
    const ahead = 1_000_000 + EPOCH_AHEAD_SECONDS_MAX;
    expect(nextEpoch({ storedEpoch: ahead - 1, seenEpoch: null, wallMs })).toBe(ahead);
    expect(() => nextEpoch({ storedEpoch: ahead, seenEpoch: null, wallMs })).toThrow(EpochError);
    const far = EPOCH_ORIGIN_WALL_MS + 1000 * EPOCH_LIMIT;
    expect(nextEpoch({ storedEpoch: null, seenEpoch: null, wallMs: far - 1 })).toBe(EPOCH_LIMIT - 1);
    expect(() => nextEpoch({ storedEpoch: null, seenEpoch: null, wallMs: far })).toThrow(/2\^31/);
  });
});

describe('Group IDs', () => {
  it('BUS-10: hold epoch and counter below 2^53, and sort by epoch first', () => {
    const part = fc.record({
      epoch: fc.integer({ min: 0, max: EPOCH_LIMIT - 1 }),
      counter: fc.integer({ min: 0, max: GROUPS_PER_EPOCH - 1 }),
    });
    fc.assert(
      fc.property(part, part, (a, b) => {
        const [left, right] = [groupId(a.epoch, a.counter), groupId(b.epoch, b.counter)];
        expect(Number.isSafeInteger(left)).toBe(true);
        expect(epochOf(left)).toBe(a.epoch);
        expect(Math.sign(left - right)).toBe(Math.sign(a.epoch - b.epoch) || Math.sign(a.counter - b.counter));
      }),
      { seed: 1 },
    );
    expect(groupId(EPOCH_LIMIT - 1, GROUPS_PER_EPOCH - 1)).toBe(Number.MAX_SAFE_INTEGER);
  });
});

describe('publishTimeMs', () => {
  it('BUS-52: follows the boot clock, so that a step of the wall clock does not show', () => {
    const epoch = { epoch: 1, startWallMs: 5_000_000, startBootMs: 300 };
    expect(publishTimeMs(epoch, 1_300.4)).toBe(5_001_000);
  });
});
