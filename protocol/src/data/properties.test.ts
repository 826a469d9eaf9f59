import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MalformedTrackError, SessionError, SessionTerminationCode } from '../errors.js';
import {
  OBJECT_AGE_MS,
  OBJECT_PREVIOUS_GROUP,
  OBJECT_PUBLISH_TIME_MS,
  OBJECT_TTL_MS,
  TRACK_WRITER_ID,
} from '../model/higgins-properties.js';
import { canonical, type Vi64 } from '../model/vi64.js';
import type { KeyValuePair } from '../wire/key-value.js';
import { utf8 } from '../wire/text.js';
import {
  encodeProperties,
  findBytes,
  findFixedInteger,
  findInteger,
  immutableProperties,
  readProperties,
  withInteger,
} from './properties.js';
import { checkObjectProperties, checkTrackProperties, unknownMandatoryProperty } from './property-rules.js';

const vi64: fc.Arbitrary<Vi64> = fc
  .tuple(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.integer({ min: 0, max: 63 }))
  .map(([value, shift]) => canonical(value >> BigInt(shift)));
// Pairs around the age's type on both sides, unknown to everyone.
const pairs = fc.array(
  fc.oneof(
    fc.record({ type: fc.constantFrom(0, 2, 0x3800, 0x3804, 0x3808, 0x10000), value: vi64 }),
    fc.record({ type: fc.constantFrom(1, 0x0b, 0x3805, 0x3807, 0x8001), value: fc.uint8Array({ maxLength: 9 }) }),
  ),
  { maxLength: 6 },
);
const IMMUTABLE = immutableProperties([
  { type: OBJECT_TTL_MS, value: 60_000 },
  { type: OBJECT_PUBLISH_TIME_MS, value: 1_767_225_600_000 },
  { type: OBJECT_PREVIOUS_GROUP, value: 2n ** 53n },
]);

describe('properties', () => {
  it('BUS-16: finds what stands in the list and inside the immutable properties', () => {
    const bytes = encodeProperties([
      IMMUTABLE,
      { type: OBJECT_AGE_MS, value: 12 },
      { type: TRACK_WRITER_ID, value: utf8('w') },
    ]);
    expect(findInteger(bytes, OBJECT_AGE_MS)).toBe(12);
    expect(findInteger(bytes, OBJECT_TTL_MS)).toBe(60_000);
    expect(findInteger(bytes, OBJECT_PUBLISH_TIME_MS)).toBe(1_767_225_600_000);
    expect(findInteger(bytes, OBJECT_PREVIOUS_GROUP)).toBe(2n ** 53n);
    expect(findBytes(bytes, TRACK_WRITER_ID)).toEqual(utf8('w'));
    expect(findInteger(bytes, 0x380a)).toBeNull();
    expect(findInteger(bytes, 0x02)).toBeNull();
    expect(findBytes(bytes, 0x3813)).toBeNull();
    expect(findInteger(new Uint8Array(0), OBJECT_AGE_MS)).toBeNull();
  });

  it('takes a fixed property from IMMUTABLE_PROPERTIES, whatever a relay puts beside it', () => {
    const fixed = immutableProperties([{ type: OBJECT_TTL_MS, value: 20_000 }]);
    const forged = encodeProperties([fixed, { type: OBJECT_TTL_MS, value: 90_000 }]);
    expect(findFixedInteger(forged, OBJECT_TTL_MS)).toBe(20_000);
    expect(findFixedInteger(encodeProperties([{ type: OBJECT_TTL_MS, value: 90_000 }]), OBJECT_TTL_MS)).toBe(90_000);
    expect(findFixedInteger(encodeProperties([fixed]), OBJECT_AGE_MS)).toBeNull();
  });

  it('BUS-16: the mutable list comes first where both have a value', () => {
    const bytes = encodeProperties([{ type: OBJECT_TTL_MS, value: 1 }, IMMUTABLE]);
    expect(findInteger(bytes, OBJECT_TTL_MS)).toBe(1);
  });

  it('BUS-16: setting the age leaves every other property as it was, byte for byte', () => {
    fc.assert(
      fc.property(pairs, vi64, vi64, (others, age, later) => {
        const bytes = encodeProperties([...others, IMMUTABLE]);
        const aged = withInteger(bytes, OBJECT_AGE_MS, age);
        expect(readProperties(aged)).toEqual(sorted([...others, IMMUTABLE, { type: OBJECT_AGE_MS, value: age }]));
        expect(withInteger(aged, OBJECT_AGE_MS, later)).toEqual(withInteger(bytes, OBJECT_AGE_MS, later));
      }),
      { seed: 18, numRuns: 500 },
    );
  });

  it('BUS-16: a relay keeps encodings that are not the shortest', () => {
    const bytes = Buffer.from('8002' + 'c00005' + '8009' + '0161', 'hex');
    const aged = withInteger(bytes, OBJECT_AGE_MS, 1);
    expect(Buffer.from(aged).toString('hex')).toBe('8002c0000580090161' + 'b7fb' + '01');
  });

  it('refuses an odd type for an integer', () => {
    expect(() => withInteger(new Uint8Array(0), TRACK_WRITER_ID, 1)).toThrow(RangeError);
  });
});

describe('rules for properties', () => {
  it('BUS-16: lets unknown properties of any kind pass', () => {
    fc.assert(
      fc.property(pairs, (others) => {
        const known = others.filter(({ type }) => type !== 0x0b);
        checkObjectProperties(encodeProperties([...known, IMMUTABLE]), 0, 0);
      }),
      { seed: 18, numRuns: 200 },
    );
  });

  it.each([
    ['a pair cut short', '0b'],
    ['a value cut short', '0b0502'],
    ['a pair cut short inside', '0b0102'],
    ['a type above 2^64 - 1 inside', `0b0cffffffffffffffffff000200`],
    ['immutable properties twice', '0b00' + '0000'],
    ['immutable properties inside', '0b020b00'],
    ['a mandatory track property', 'c0400000'],
    ['a mandatory track property inside', '0b04c0400000'],
    ['a prior group gap above the group', '3c08'],
    ['two prior group gaps', '3c010001'],
    ['two prior group gaps, one inside', '0b023c013101'],
    ['a prior object gap above the object', '3e05'],
    ['two prior object gaps', '3e010001'],
  ])('%s makes the track malformed', (_name, hex) => {
    expect(() => checkObjectProperties(Buffer.from(hex, 'hex'), 7, 4)).toThrow(MalformedTrackError);
  });

  it('takes gaps that reach down to the first group and object', () => {
    checkObjectProperties(Buffer.from('3c07' + '0204', 'hex'), 7, 4);
  });

  it.each([`${'ff'.repeat(9)}000200`, '01c10000'])('%s ends the session, as the draft says of any pair', (hex) => {
    let error: unknown = null;
    try {
      checkObjectProperties(Buffer.from(hex, 'hex'), 0, 0);
    } catch (thrown) {
      error = thrown;
    }
    expect((error as SessionError).code).toBe(SessionTerminationCode.PROTOCOL_VIOLATION);
  });

  it('takes track properties within the ranges of the draft', () => {
    checkTrackProperties(
      encodeProperties([
        { type: 0x0e, value: 255 },
        { type: 0x22, value: 2 },
        { type: 0x30, value: 1 },
      ]),
    );
    expect(() => checkTrackProperties(Buffer.from('0b0122', 'hex'))).toThrow(SessionError);
  });

  it('finds a mandatory track property that is not understood, inside the immutable ones too', () => {
    const outside = encodeProperties([{ type: 0x4002, value: 1 }]);
    const inside = encodeProperties([immutableProperties([{ type: 0x7fff, value: utf8('') }])]);
    expect(unknownMandatoryProperty(outside, new Set())).toBe(0x4002);
    expect(unknownMandatoryProperty(outside, new Set([0x4002]))).toBeNull();
    expect(unknownMandatoryProperty(inside, new Set([0x4002]))).toBe(0x7fff);
    expect(
      unknownMandatoryProperty(
        encodeProperties([
          { type: 0x3ffe, value: 1 },
          { type: 0x8000, value: 1 },
        ]),
        new Set(),
      ),
    ).toBeNull();
  });
});

function sorted(list: readonly KeyValuePair[]): KeyValuePair[] {
  return [...list].sort((a, b) => (a.type === b.type ? 0 : a.type < b.type ? -1 : 1));
}
