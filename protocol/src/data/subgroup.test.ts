import { describe, expect, it } from 'vitest';
import {
  EncodeError,
  MalformedTrackError,
  SessionError,
  SessionTerminationCode,
  StreamError,
  StreamResetCode,
} from '../errors.js';
import { DEFAULT_LIMITS } from '../limits.js';
import type { SubgroupHeader } from '../model/objects.js';
import { VI64_MAX } from '../model/vi64.js';
import { utf8 } from '../wire/text.js';
import { encodeSubgroupHeader, encodeSubgroupObject, objectIdDelta } from './subgroup.js';
import { SubgroupStreamParser } from './subgroup-parser.js';

const NONE = new Uint8Array(0);
const HEADER: SubgroupHeader = {
  trackAlias: 2,
  group: 0,
  subgroup: 0,
  priority: 0,
  endOfGroup: false,
  firstObject: false,
  hasProperties: false,
};

describe('subgroup streams', () => {
  it('BUS-68: encodes the streams of the examples in draft-18 §11.6', () => {
    const plain = (payload: string) =>
      encodeSubgroupObject({
        delta: 0,
        properties: NONE,
        hasProperties: false,
        status: 'normal',
        payload: utf8(payload),
      });
    expect(hex(encodeSubgroupHeader({ ...HEADER, subgroup: 0, priority: 0 }))).toBe('10020000');
    expect(hex(plain('abcd'))).toBe('000461626364');
    const properties = new Uint8Array(Buffer.from('04f08257dcd3', 'hex'));
    const first = encodeSubgroupObject({
      delta: 0,
      properties,
      hasProperties: true,
      status: 'normal',
      payload: utf8('abcd'),
    });
    expect(hex(first)).toBe('000604f08257dcd30461626364');
  });

  it('BUS-68: every header mode has its type', () => {
    const types = new Set<number>();
    for (const subgroup of [0, null, 7]) {
      for (const priority of [null, 5]) {
        for (let bits = 0; bits < 8; bits++) {
          const header: SubgroupHeader = {
            ...HEADER,
            subgroup,
            priority,
            endOfGroup: (bits & 1) !== 0,
            firstObject: (bits & 2) !== 0,
            hasProperties: (bits & 4) !== 0,
          };
          const bytes = encodeSubgroupHeader(header);
          types.add(bytes[0]!);
          const parser = new SubgroupStreamParser();
          parser.push(bytes, true);
          expect(parser.next()).toBe('header');
          expect(parser.header).toEqual(header);
          expect(parser.next()).toBe('end');
        }
      }
    }
    expect(types.size).toBe(48);
  });

  it('BUS-68: reads a subgroup id that the header spells out although it is 0', () => {
    const parser = parse('1402000000');
    expect(parser.next()).toBe('header');
    expect(parser.header.subgroup).toBe(0);
  });

  it('BUS-68: reads a header type that is not in its shortest form', () => {
    expect(parse('8010020000').next()).toBe('header');
  });

  it('takes the subgroup id from the first object, and the priority from the track', () => {
    const parser = parse('320200' + '050161' + '020162');
    parser.defaultPriority = 9;
    expect(parser.next()).toBe('header');
    expect(parser.header.subgroup).toBeNull();
    expect(parser.next()).toBe('object');
    expect(parser.object).toMatchObject({ object: 5, subgroup: 5, priority: 9 });
    expect(parser.next()).toBe('object');
    expect(parser.object).toMatchObject({ object: 8, subgroup: 5, priority: 9 });
    expect(parser.next()).toBe('end');
    expect(parser.next()).toBeNull();
  });

  it('tells an empty object from the ends of group and track', () => {
    const parser = parse('10020000' + '000000' + '000003' + '000004');
    parser.next();
    const statuses = [0, 1, 2].map(() => (parser.next() === 'object' ? parser.object.status : null));
    expect(statuses).toEqual(['normal', 'end-of-group', 'end-of-track']);
  });

  it('BUS-68: counts object ids beyond 2^53', () => {
    const start = 2n ** 53n - 1n;
    const parser = parse(`10020000${'fe1fffffffffffff'}0161${'00'}0162`);
    parser.next();
    parser.next();
    expect(parser.object.object).toBe(Number(start));
    parser.next();
    expect(parser.object.object).toBe(start + 1n);
    expect(objectIdDelta(Number(start), start + 1n)).toBe(0);
    expect(objectIdDelta(null, VI64_MAX)).toBe(VI64_MAX);
  });

  it.each([
    ['mode 0b11', '1602000000', 'type 22'],
    ['type 0x0f', '0f02000000', 'type 15'],
    ['object status 1', '10020000' + '000001', 'object status is 1'],
    ['properties on an end of group', '11020000' + '0002380100' + '03', 'has properties'],
    ['an object id above 2^64 - 1', `10020000${'ff'.repeat(9)}0161000162`, 'above 2^64'],
    ['an end within the header', '1002', 'ends within its header'],
    ['an end within an object id', '1002000080', 'ends within its head'],
    ['an end within properties', '11020000000238', 'ends within its properties'],
    ['an end before the payload length', '1002000000', 'ends within its length'],
    ['an end within a payload', '10020000000261', 'ends within its payload'],
  ])('BUS-68: %s ends the session', (_name, bytes, message) => {
    const error = failure(parse(bytes));
    expect(error).toBeInstanceOf(SessionError);
    expect((error as SessionError).code).toBe(SessionTerminationCode.PROTOCOL_VIOLATION);
    expect((error as SessionError).message).toContain(message);
  });

  it('makes a track malformed by properties that cannot be parsed', () => {
    const error = failure(parse('11020000' + '000103' + '0161'));
    expect(error).toBeInstanceOf(MalformedTrackError);
  });

  it('resets a stream whose object passes the limits, before it spends the memory', () => {
    const limits = { ...DEFAULT_LIMITS, objectBytesMax: 3, propertiesBytesMax: 2 };
    for (const bytes of ['10020000' + '0004', '11020000' + '0003']) {
      const error = failure(parse(bytes, limits));
      expect(error).toBeInstanceOf(StreamError);
      expect((error as StreamError).code).toBe(StreamResetCode.EXCESSIVE_LOAD);
    }
  });

  it('refuses to encode what the draft has no form for', () => {
    const object = { delta: 0, properties: NONE, hasProperties: false, status: 'normal', payload: NONE } as const;
    expect(() => encodeSubgroupObject({ ...object, status: 'end-of-group', payload: utf8('a') })).toThrow(EncodeError);
    expect(() => encodeSubgroupObject({ ...object, properties: utf8('a') })).toThrow(EncodeError);
    expect(() => encodeSubgroupHeader({ ...HEADER, priority: 256 })).toThrow(EncodeError);
    expect(() => objectIdDelta(5, 5)).toThrow(EncodeError);
  });
});

function parse(bytes: string, limits = DEFAULT_LIMITS): SubgroupStreamParser {
  const parser = new SubgroupStreamParser(limits);
  parser.push(new Uint8Array(Buffer.from(bytes, 'hex')), true);
  return parser;
}

function failure(parser: SubgroupStreamParser): unknown {
  try {
    while (parser.next() !== null);
  } catch (error) {
    return error;
  }
  return null;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
