import { fullTrackName, trackNamespace } from '@higgins/protocol';
import { describe, expect, it } from 'vitest';
import { encodeContent } from './content/content.js';
import {
  type Applied,
  applied,
  appliedKey,
  type ContentFormat,
  MAP_BYTES_MAX,
  MAP_KEYS_MAX,
  organisationList,
  REASON_CHARACTERS_MAX,
} from './index.js';

const FORMATS: readonly ContentFormat[] = ['cbor', 'msgpack', 'json'];
const value: Applied = {
  result: 'applied',
  group: 2 ** 41 + 5,
  version: 7,
  appliedWallMs: 1_789_000_000_000,
  entries: 5522,
  reason: null,
};
const key = 'org/acme/lists/blocked';
const none = new Map<string, Uint8Array>();

describe.each(FORMATS)('acknowledgements in %s', (format) => {
  const encoded = applied.encode(value, format);

  it('BUS-92: say what is in force, or why not', () => {
    expect(applied.decode(encoded, format)).toEqual(value);
    const refusal: Applied = { ...value, result: 'refused', version: null, entries: null, reason: 'ipv4[3] is …' };
    expect(applied.decode(applied.encode(refusal, format), format)).toEqual(refusal);
  });

  it('BUS-92: stand in a snapshot, and change by deltas', () => {
    const entries = new Map([[key, encoded]]);
    const snapshot = applied.decodeObject(applied.encodeSnapshot(entries, format), format);
    expect(snapshot).toEqual({ kind: 'snapshot', entries });
    const delta = applied.decodeObject(applied.encodeDelta({ set: entries, removed: ['other'] }, format), format);
    expect(delta).toEqual({ kind: 'delta', set: entries, removed: ['other'] });
  });

  it('BUS-92: are renewed all at once by an empty delta of a few bytes', () => {
    const heartbeat = applied.encodeDelta({ set: none, removed: [] }, format);
    expect(heartbeat.length).toBeLessThan(16);
    expect(applied.decodeObject(heartbeat, format)).toEqual({ kind: 'delta', set: none, removed: [] });
  });

  it('BUS-92: may be none at all', () => {
    const snapshot = applied.decodeObject(applied.encodeSnapshot(none, format), format);
    expect(snapshot).toEqual({ kind: 'snapshot', entries: none });
  });

  it('BUS-17: are bounded in values and keys, on the way out and in', () => {
    const big = new Uint8Array(applied.valueBytesMax + 1).fill(0x20);
    const over = new Map([[key, big]]);
    const keys = new Map(Array.from({ length: MAP_KEYS_MAX + 1 }, (_, index) => [`k${index}`, encoded]));
    for (const [entries, code] of [[over, 'TOO_LARGE'] as const, [keys, 'TOO_MANY'] as const]) {
      expect(() => applied.encodeSnapshot(entries, format)).toThrow(expect.objectContaining({ code }));
      expect(() => applied.encodeDelta({ set: entries, removed: [] }, format)).toThrow(
        expect.objectContaining({ code }),
      );
      const raw = new Map([...entries].map(([name, bytes]) => [name, format === 'json' ? text(bytes) : bytes]));
      const hostile = encodeContent(
        new Map<string, unknown>([
          ['schema', 1000],
          ['set', raw],
        ]),
        format,
      );
      expect(() => applied.decodeObject(hostile, format)).toThrow(expect.objectContaining({ code }));
    }
    expect(() => applied.decodeObject(new Uint8Array(MAP_BYTES_MAX + 1), format)).toThrow(
      expect.objectContaining({ code: 'TOO_LARGE' }),
    );
  });

  it.each([
    ['a key both set and removed', { set: new Map([['a', 'x']]), removed: ['a'] }, 'DUPLICATE'],
    ['a key removed twice', { removed: ['a', 'a'] }, 'DUPLICATE'],
    ['an empty key', { removed: [''] }, 'RANGE'],
    ['an endless key', { removed: ['x'.repeat(4097)] }, 'RANGE'],
    ['a key that is no text', { removed: [1] }, 'RANGE'],
    ['a value that is not encoded', { set: new Map([['a', 1]]) }, 'TYPE'],
    ['a set that is no map', { set: [] }, 'TYPE'],
    ['a newer major version', { schema: 2000 }, 'SCHEMA_VERSION'],
  ])('BUS-18: %s is refused', (_, change, code) => {
    const { set, ...others } = change as { set?: unknown };
    const encodedSet = set instanceof Map && format !== 'json' ? bytesOf(set) : set;
    const content = { schema: 1000, ...others, ...(set === undefined ? {} : { set: encodedSet }) };
    expect(() => applied.decodeObject(encodeContent(new Map(Object.entries(content)), format), format)).toThrow(
      expect.objectContaining({ code }),
    );
  });
});

describe('appliedKey', () => {
  it('BUS-92: tells the stages of a track apart', () => {
    const list = { org: 'acme', list: 'blocked' };
    expect(appliedKey(organisationList.name(list))).toBe(key);
    expect(appliedKey(organisationList.name(list, 'canary'))).toBe(`${key}@canary`);
    expect(() => appliedKey(fullTrackName(trackNamespace([]), new Uint8Array(1)))).toThrow('current or canary');
  });
});

describe('a reason', () => {
  it('is cut to its limit', () => {
    const refused: Applied = { ...value, result: 'refused', reason: 'x'.repeat(10_000) };
    expect(applied.decode(applied.encode(refused)).reason).toHaveLength(REASON_CHARACTERS_MAX);
  });
});

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function bytesOf(set: Map<unknown, unknown>): Map<unknown, unknown> {
  const encode = (item: unknown) => (typeof item === 'string' ? new TextEncoder().encode(item) : item);
  return new Map([...set].map(([name, item]) => [name, encode(item)]));
}
