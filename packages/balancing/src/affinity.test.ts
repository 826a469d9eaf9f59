import { expect, it } from 'vitest';
import { affinity, affinityIsRedundant, staleEntries } from './affinity.js';
import { SOURCE_KEY } from './flow-key.js';

it('L4-29: remembers sources for an hour unless told otherwise', () => {
  expect(affinity()).toEqual({ key: SOURCE_KEY, ttlMs: 3_600_000, entriesMax: 65_536 });
  expect(affinity({ ttlMs: 180_000 }).ttlMs).toBe(180_000);
});

it.each([
  ['ttlMs', 999],
  ['ttlMs', 86_400_001],
  ['ttlMs', Number.NaN],
  ['entriesMax', 0],
  ['entriesMax', 1_048_577],
] as const)('refuses %s of %d', (field, value) => {
  expect(() => affinity({ [field]: value })).toThrow(expect.objectContaining({ code: 'RANGE', field }));
});

it('L4-30: entries of members that take no new flows are stale', () => {
  const entries = [
    { key: '192.0.2.1', member: 'a' },
    { key: '192.0.2.2', member: 'b' },
    { key: '192.0.2.3', member: 'gone' },
  ];
  expect(staleEntries(entries, new Set(['a']))).toEqual(['192.0.2.2', '192.0.2.3']);
});

it('is redundant where the source is hashed anyway', () => {
  expect([affinityIsRedundant('source-hash'), affinityIsRedundant('maglev')]).toEqual([true, false]);
});
