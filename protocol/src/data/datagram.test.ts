import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EncodeError, SessionError, SessionTerminationCode } from '../errors.js';
import type { ObjectStatus } from '../model/objects.js';
import { canonical, type Vi64 } from '../model/vi64.js';
import { decodeDatagram, encodeObjectDatagram, type ObjectDatagram } from './datagram.js';

const NONE = new Uint8Array(0);
const DATAGRAM: ObjectDatagram = {
  trackAlias: 1,
  group: 2,
  object: 3,
  priority: 4,
  endOfGroup: false,
  status: 'normal',
  properties: NONE,
  payload: Uint8Array.of(0x61),
};

describe('object datagrams', () => {
  it('BUS-68: has the bytes of the draft', () => {
    expect(hex(DATAGRAM)).toBe('00' + '01020304' + '61');
    expect(hex({ ...DATAGRAM, object: 0, priority: null, endOfGroup: true })).toBe('0e' + '0102' + '61');
    expect(hex({ ...DATAGRAM, properties: Uint8Array.of(2, 1) })).toBe('01' + '01020304' + '020201' + '61');
    expect(hex({ ...DATAGRAM, status: 'end-of-track', payload: NONE })).toBe('20' + '01020304' + '04');
  });

  it('BUS-68: round-trips, and ends the session wherever its header is cut', () => {
    const vi64: fc.Arbitrary<Vi64> = fc
      .tuple(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.integer({ min: 0, max: 63 }))
      .map(([value, shift]) => canonical(value >> BigInt(shift)));
    const datagram = fc
      .record({
        trackAlias: vi64,
        group: vi64,
        object: fc.oneof(fc.constant(0), vi64),
        priority: fc.option(fc.integer({ min: 0, max: 255 })),
        endOfGroup: fc.boolean(),
        status: fc.constantFrom<ObjectStatus>('normal', 'normal', 'end-of-group', 'end-of-track'),
        properties: fc.constantFrom(NONE, Uint8Array.of(2, 1)),
        payload: fc.uint8Array({ maxLength: 40 }),
      })
      .map((fields) =>
        fields.status === 'normal' ? fields : { ...fields, endOfGroup: false, properties: NONE, payload: NONE },
      );
    fc.assert(
      fc.property(datagram, (fields) => {
        const bytes = encodeObjectDatagram(fields);
        expect(decodeDatagram(bytes)).toEqual(fields);
        for (let cut = 0; cut < bytes.length - fields.payload.length; cut++) {
          expect(() => decodeDatagram(bytes.subarray(0, cut))).toThrow(SessionError);
        }
      }),
      { seed: 18, numRuns: 500 },
    );
  });

  it('drops padding', () => {
    expect(decodeDatagram(Buffer.from('f0132b3e290000', 'hex'))).toBeNull();
  });

  it('reads a status of normal as an empty object', () => {
    expect(decodeDatagram(Buffer.from('200102030400', 'hex'))).toEqual({ ...DATAGRAM, payload: NONE });
  });

  it.each<readonly [string, string, string]>([
    ...['10', '16', '22', '23', '26', '2b', '2e', '2f', '30', '8040', 'ffffffffffffffffff'].map(
      (type) => [`type ${type}`, `${type}01020304`, 'type'] as const,
    ),
    ['properties of no bytes', '010102030400', 'has none'],
    ['properties longer than the datagram', '010102030409', 'properties has 9 bytes'],
    ['a status with a payload', '20010203040361', 'bytes too many'],
    ['a status with properties', '210102030402020103', 'has properties'],
    ['an unknown status', '200102030401', 'object status is 1'],
  ])('BUS-68: %s ends the session', (_name, bytes, message) => {
    let error: unknown = null;
    try {
      decodeDatagram(Buffer.from(bytes, 'hex'));
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(SessionError);
    expect((error as SessionError).code).toBe(SessionTerminationCode.PROTOCOL_VIOLATION);
    expect((error as SessionError).message).toContain(message);
  });

  it('refuses to encode what the draft has no form for', () => {
    expect(() => encodeObjectDatagram({ ...DATAGRAM, status: 'end-of-group' })).toThrow(EncodeError);
    expect(() => encodeObjectDatagram({ ...DATAGRAM, priority: -1 })).toThrow(EncodeError);
  });
});

function hex(datagram: ObjectDatagram): string {
  return Buffer.from(encodeObjectDatagram(datagram)).toString('hex');
}
