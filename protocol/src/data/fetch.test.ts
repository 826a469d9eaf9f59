import { describe, expect, it } from 'vitest';
import { EncodeError, MalformedTrackError, SessionError, SessionTerminationCode, StreamError } from '../errors.js';
import { DEFAULT_LIMITS } from '../limits.js';
import type { ReceivedObject } from '../model/objects.js';
import type { GroupOrder } from '../model/parameters.js';
import { VI64_MAX } from '../model/vi64.js';
import { FetchObjectEncoder } from './fetch.js';
import { FetchStreamParser } from './fetch-parser.js';

const NONE = new Uint8Array(0);
const OBJECT: ReceivedObject = {
  group: 5,
  subgroup: 0,
  object: 0,
  status: 'normal',
  priority: 128,
  properties: NONE,
  payload: Uint8Array.of(0x61),
};
const HEADER = '0504';
// Group 5, subgroup 2, object 1, priority 128.
const FIRST = '1f' + '05' + '02' + '01' + '80' + '0161';

describe('fetch streams', () => {
  it('BUS-68: encodes against the object before', () => {
    const encoder = new FetchObjectEncoder('ascending');
    const encode = (fields: Partial<ReceivedObject>) => hex(encoder.object({ ...OBJECT, ...fields }));
    expect(encode({})).toBe('1c' + '05' + '00' + '80' + '0161');
    expect(encode({ object: 1 })).toBe('00' + '0161');
    expect(encode({ object: 9, subgroup: 1 })).toBe('06' + '08' + '0161');
    expect(encode({ object: 10, subgroup: 1 })).toBe('01' + '0161');
    expect(encode({ group: 6, object: 3, subgroup: 9, priority: 1 })).toBe('1f' + '00' + '09' + '03' + '01' + '0161');
    expect(encode({ group: 6, object: 4, subgroup: null, priority: 1 })).toBe('40' + '0161');
    expect(hex(encoder.rangeEnd({ group: 6, object: 8 }, true))).toBe('810c' + '06' + '08');
    expect(encode({ group: 6, object: 9, priority: 1, properties: Uint8Array.of(2, 1) })).toBe(
      '20' + '020201' + '0161',
    );
    expect(hex(encoder.rangeEnd({ group: 7, object: 0 }, false))).toBe('808c' + '07' + '00');
  });

  it('BUS-68: encodes descending groups, beyond 2^53 too', () => {
    const encoder = new FetchObjectEncoder('descending');
    encoder.object({ ...OBJECT, group: VI64_MAX });
    expect(hex(encoder.object({ ...OBJECT, group: 2n ** 64n - 3n }))).toBe('0c' + '01' + '00' + '0161');
  });

  it('reads fields that refer to the object before', () => {
    const parser = parse(`${HEADER + FIRST}010161020008010161`);
    const places = objects(parser).map(({ group, subgroup, object }) => [group, subgroup, object]);
    // The last one omits its Object ID in a new group: one more than the prior object's, in whatever group.
    expect(places).toEqual([
      [5, 2, 1],
      [5, 2, 2],
      [5, 3, 3],
      [7, 0, 4],
    ]);
  });

  it('takes the location from the end of a range, and subgroup and priority from the object before it', () => {
    const parser = parse(`${HEADER + FIRST}808c09040100`);
    expect(objects(parser)[1]).toMatchObject({ group: 9, object: 5, subgroup: 2, priority: 128 });
  });

  it('ignores the subgroup bits of an object that was a datagram', () => {
    const parser = parse(`${HEADER}5f${'05'}${'01'}${'80'}${'00'}`);
    expect(objects(parser)[0]).toMatchObject({ subgroup: null, object: 1, priority: 128 });
  });

  it.each<readonly [string, string, string, GroupOrder]>([
    ['no group in front', '14010100', 'prior location', 'ascending'],
    ['no object in front', '18050100', 'prior location', 'ascending'],
    ['no priority in front', '0c050000', 'prior priority', 'ascending'],
    ['prior subgroup in front', '1d05008000', 'prior subgroup', 'ascending'],
    ['next subgroup in front', '1e05008000', 'prior subgroup', 'ascending'],
    ['prior subgroup after a range only', `808c0504${'15'}018000`, 'prior subgroup', 'ascending'],
    ['prior priority after a range only', '808c05040400', 'prior priority', 'ascending'],
    ['flags 0x80', '8080', 'flags are 128', 'ascending'],
    ['flags 0x8d', '808d0000', 'flags are 141', 'ascending'],
    ['group above 2^64 - 1', `1c${'ff'.repeat(9)}00800008000000`, 'out of 64 bits', 'ascending'],
    ['group below 0', '1c020080000c020000', 'out of 64 bits', 'descending'],
    ['object above 2^64 - 1', `1c05${'ff'.repeat(9)}80000000`, 'above 2^64', 'ascending'],
    ['subgroup above 2^64 - 1', `1f05${'ff'.repeat(9)}0080000200`, 'above 2^64', 'ascending'],
  ])('BUS-68: %s ends the session', (_name, bytes, message, order) => {
    const error = failure(parse(HEADER + bytes, order));
    expect(error).toBeInstanceOf(SessionError);
    expect((error as SessionError).code).toBe(SessionTerminationCode.PROTOCOL_VIOLATION);
    expect((error as SessionError).message).toContain(message);
  });

  it('ends the session on another stream type', () => {
    expect(failure(parse('0604'))).toBeInstanceOf(SessionError);
  });

  it('makes the track malformed, or resets the stream, where that is enough', () => {
    expect(failure(parse(`${HEADER}3c050080${'020b05'}00`))).toBeInstanceOf(MalformedTrackError);
    const limits = { ...DEFAULT_LIMITS, objectBytesMax: 1 };
    expect(failure(parse(`${HEADER}1c050080026161`, 'ascending', limits))).toBeInstanceOf(StreamError);
  });

  it('an object id delta of 0 names the same object again: whether that contradicts it is for who knows both', () => {
    // Draft-18 §11.4.4.1 has no error for it, and §2.4.2 one only for a copy that differs.
    const parser = parse(`${HEADER + FIRST}04000161${'04000162'}`);
    expect(
      objects(parser)
        .map(({ group, object, payload }) => [group, object, hex(payload)])
        .slice(1),
    ).toEqual([
      [5, 1, '61'],
      [5, 1, '62'],
    ]);
  });

  it('refuses to encode what does not come next, and goes on unchanged', () => {
    const encoder = new FetchObjectEncoder('ascending');
    encoder.object(OBJECT);
    expect(() => encoder.object({ ...OBJECT, group: 4 })).toThrow(EncodeError);
    expect(() => encoder.object(OBJECT)).toThrow(EncodeError);
    expect(() => encoder.object({ ...OBJECT, object: 1, status: 'end-of-group' })).toThrow(EncodeError);
    expect(() => encoder.object({ ...OBJECT, object: 1, priority: 1.5 })).toThrow(EncodeError);
    expect(hex(encoder.object({ ...OBJECT, object: 1 }))).toBe('000161');
  });
});

function parse(bytes: string, order: GroupOrder = 'ascending', limits = DEFAULT_LIMITS): FetchStreamParser {
  const parser = new FetchStreamParser(limits);
  parser.groupOrder = order;
  parser.push(new Uint8Array(Buffer.from(bytes, 'hex')), true);
  return parser;
}

function objects(parser: FetchStreamParser): ReceivedObject[] {
  const found: ReceivedObject[] = [];
  for (let item = parser.next(); item !== null; item = parser.next()) if (item === 'object') found.push(parser.object);
  return found;
}

function failure(parser: FetchStreamParser): unknown {
  try {
    objects(parser);
  } catch (error) {
    return error;
  }
  return null;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
