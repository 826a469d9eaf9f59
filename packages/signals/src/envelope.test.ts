import {
  encodeProperties,
  immutableProperties,
  OBJECT_AGE_MS,
  OBJECT_TTL_MS,
  PropertyType,
  readProperties,
  TRACK_SHAPE,
  TRACK_WRITER_ID,
  VI64_MAX,
  withInteger,
} from '@higgins/protocol';
import { describe, expect, it } from 'vitest';
import {
  effectiveTtlMs,
  encodeObjectProperties,
  encodeTrackProperties,
  organisationList,
  readObjectProperties,
  readTrackProperties,
} from './index.js';

const envelope = { ttlMs: 60_000, publishTimeMs: 1_789_000_000_000, previousGroup: 2 ** 41, previousObject: 17 };
const hexOf = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

describe('object properties', () => {
  it('BUS-16: lie inside IMMUTABLE_PROPERTIES, the age outside', () => {
    const encoded = encodeObjectProperties(envelope);
    expect(readProperties(encoded).map((pair) => pair.type)).toEqual([PropertyType.IMMUTABLE_PROPERTIES]);
    const aged = withInteger(encoded, OBJECT_AGE_MS, 1234);
    expect(readProperties(aged).map((pair) => pair.type)).toEqual([PropertyType.IMMUTABLE_PROPERTIES, OBJECT_AGE_MS]);
    expect(readObjectProperties(aged)).toEqual({ ...envelope, ageMs: 1234 });
    expect(readProperties(aged)[0]).toEqual(readProperties(encoded)[0]);
  });

  it('BUS-16: have these bytes', () => {
    expect(hexOf(encodeObjectProperties(envelope))).toBe('0b15b800c0ea6002f9a088b5a20002fa00000000000411');
  });

  it('BUS-16: are absent where nobody wrote them', () => {
    const nothing = { ttlMs: null, publishTimeMs: null, previousGroup: null, previousObject: null, ageMs: 0 };
    expect(readObjectProperties(new Uint8Array(0))).toEqual(nothing);
    const { previousGroup: _, previousObject: __, ...first } = envelope;
    const none = { previousGroup: null, previousObject: null };
    expect(readObjectProperties(encodeObjectProperties(first))).toMatchObject(none);
  });

  it('BUS-16: cannot be overridden from outside', () => {
    const longer = withInteger(encodeObjectProperties(envelope), OBJECT_TTL_MS, 999_999_999);
    expect(readObjectProperties(longer).ttlMs).toBe(60_000);
    const foreign = encodeProperties([{ type: OBJECT_TTL_MS, value: 5000 }]);
    expect(readObjectProperties(foreign).ttlMs).toBe(5000);
  });

  it('saturate beyond 2^53', () => {
    const encoded = encodeProperties([immutableProperties([{ type: OBJECT_TTL_MS, value: VI64_MAX }])]);
    expect(readObjectProperties(encoded).ttlMs).toBe(Number.MAX_SAFE_INTEGER);
  });

  it.each([-1, 1.5, Number.NaN, 2 ** 53])('refuse a TTL of %d', (ttlMs) => {
    expect(() => encodeObjectProperties({ ...envelope, ttlMs })).toThrow(expect.objectContaining({ field: 'ttlMs' }));
  });
});

describe('effectiveTtlMs', () => {
  it('BUS-42: is the stated one up to the maximum, and never without end', () => {
    const ttlOf = (bytes: Uint8Array) => effectiveTtlMs(organisationList, readObjectProperties(bytes));
    expect(ttlOf(encodeObjectProperties(envelope))).toBe(60_000);
    expect(ttlOf(encodeObjectProperties({ ...envelope, ttlMs: 2 ** 50 }))).toBe(organisationList.ttlMsMax);
    expect(ttlOf(new Uint8Array(0))).toBe(organisationList.ttlMs);
    expect(ttlOf(encodeObjectProperties({ ...envelope, ttlMs: 0 }))).toBe(0);
  });
});

describe('track properties', () => {
  it.each(['state', 'map', 'event'] as const)('BUS-16: name shape %s, content format and writer', (shape) => {
    for (const contentFormat of ['cbor', 'msgpack', 'json'] as const) {
      const track = { shape, contentFormat, writerId: 'origin-é' };
      expect(readTrackProperties(encodeTrackProperties(track))).toEqual(track);
    }
  });

  it('let subscribers of map tracks alone ask for a new Group', () => {
    const types = (shape: 'state' | 'map') =>
      readProperties(encodeTrackProperties({ shape, contentFormat: 'cbor', writerId: 'w' })).map((pair) => pair.type);
    expect(types('map')).toContain(PropertyType.DYNAMIC_GROUPS);
    expect(types('state')).not.toContain(PropertyType.DYNAMIC_GROUPS);
  });

  it('BUS-16: mean nothing where they are absent or unknown', () => {
    const nothing = { shape: null, contentFormat: null, writerId: null };
    expect(readTrackProperties(new Uint8Array(0))).toEqual(nothing);
    const unknown = encodeProperties([
      { type: TRACK_SHAPE, value: 77 },
      { type: TRACK_WRITER_ID, value: new Uint8Array(257) },
    ]);
    expect(readTrackProperties(unknown)).toEqual(nothing);
  });

  it.each(['', 'x'.repeat(257)])('refuse a writer id of %s', (writerId) => {
    expect(() => encodeTrackProperties({ shape: 'state', contentFormat: 'cbor', writerId })).toThrow(
      expect.objectContaining({ field: 'writerId' }),
    );
  });
});
