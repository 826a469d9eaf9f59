import type { StoredValue, Update } from '@higgins/client';
import { applied, organisationList } from '@higgins/signals';
import { describe, expect, it } from 'vitest';
import { holds } from './status.js';
import { lineOf, people } from './subscribe-text.js';

const TTL_MS = 60_000;
const CONDITIONS = { live: 'ok', stale: 'disconnected', expired: 'expired' } as const;
const PATH = 'org/acme/lists/blocked';

/** What the SDK says of a value of that age. */
function toldAt(ageMs: number, freshness: StoredValue<string>['freshness']): Update<string> {
  const current: StoredValue<string> = {
    ...{ name: organisationList.name({ org: 'acme', list: 'blocked' }), value: 'entries', deleted: false },
    ...{ group: 7, object: 0, version: 3, ttlMs: TTL_MS, ageMs, remainingMs: TTL_MS - ageMs, deadlineBootMs: 0 },
    ...{ publishMs: null, freshness, condition: CONDITIONS[freshness], onExpiry: 'closed' },
  };
  return { current, valueChanged: true, changedKeys: new Set(), refused: null, gaps: 0 };
}

describe('what the command line shows of a value', () => {
  it.each([
    [1000, 'live', 'live (ok), 1 s old, 59 s left, then closed'],
    [50_000, 'stale', 'stale (disconnected), 50 s old, 10 s left, then closed'],
    [90_000, 'expired', 'expired (expired), 1.5 min old, over for 30 s: closed holds'],
  ] as const)(
    'BUS-48, BUS-50: after %d ms it is %s, as the SDK says, with age, rest and fallback',
    (ageMs, freshness, text) => {
      const line = lineOf(PATH, toldAt(ageMs, freshness), (value) => value);
      expect(line).toMatchObject({ freshness, ageMs, remainingMs: TTL_MS - ageMs, onExpiry: 'closed' });
      expect(people(line)).toBe(`${PATH}: ${text}\n  "entries"`);
    },
  );

  it('says nothing of a value that is not there', () => {
    const update = { ...toldAt(0, 'live'), current: null };
    expect(people(lineOf(PATH, update, String))).toBe(`${PATH}: none (none)\n  null`);
  });

  it('BUS-48: what a PoP acknowledged too long ago does not hold any more', () => {
    const said = { result: 'applied', freshness: 'live' } as const;
    expect(holds(said)).toBe(true);
    expect(holds({ ...said, freshness: 'stale' })).toBe(true);
    expect(holds({ ...said, freshness: 'expired' })).toBe(false);
    expect(holds({ ...said, result: 'expired' })).toBe(false);
    expect(applied.onExpiry).toBe('hold');
  });
});
