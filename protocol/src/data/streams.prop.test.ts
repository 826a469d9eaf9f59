import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SessionError } from '../errors.js';
import type { Location } from '../model/location.js';
import type { ObjectStatus, ReceivedObject, SubgroupHeader } from '../model/objects.js';
import type { GroupOrder } from '../model/parameters.js';
import { canonical, type Vi64 } from '../model/vi64.js';
import { encodeFetchHeader, FetchObjectEncoder } from './fetch.js';
import { FetchStreamParser } from './fetch-parser.js';
import { encodeProperties } from './properties.js';
import { encodeSubgroupHeader, encodeSubgroupObject, objectIdDelta } from './subgroup.js';
import { SubgroupStreamParser } from './subgroup-parser.js';

const NONE = new Uint8Array(0);
const vi64: fc.Arbitrary<Vi64> = fc
  .tuple(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.integer({ min: 0, max: 63 }))
  .map(([value, shift]) => canonical(value >> BigInt(shift)));
const ids = fc.uniqueArray(vi64, { maxLength: 6 }).map((values) => values.sort((a, b) => (a < b ? -1 : 1)));
const priority = fc.integer({ min: 0, max: 255 });
const properties = fc.oneof(
  fc.constant(NONE),
  fc.tuple(vi64, fc.uint8Array({ maxLength: 80 })).map(([value, bytes]) =>
    encodeProperties([
      { type: 0x3800, value },
      { type: 0x3811, value: bytes },
    ]),
  ),
);
// Most payloads are small; some pass the room that a body is given at first, and grow.
const payload = fc.oneof(
  { weight: 9, arbitrary: fc.uint8Array({ maxLength: 90 }) },
  { weight: 1, arbitrary: fc.integer({ min: 16_000, max: 50_000 }).map((length) => new Uint8Array(length).fill(7)) },
);
const sizes = fc.infiniteStream(fc.oneof(fc.integer({ min: 1, max: 30 }), fc.constant(20_000)));

const header: fc.Arbitrary<SubgroupHeader> = fc.record({
  trackAlias: vi64,
  group: vi64,
  subgroup: fc.oneof(fc.constant(0), fc.constant(null), vi64),
  priority: fc.option(priority),
  endOfGroup: fc.boolean(),
  firstObject: fc.boolean(),
  hasProperties: fc.boolean(),
});
const content = fc.record({
  status: fc.constantFrom<ObjectStatus>('normal', 'normal', 'normal', 'end-of-group', 'end-of-track'),
  properties,
  payload,
});

describe('subgroup streams', () => {
  it('BUS-68: the parser yields what was encoded, however the stream is split', () => {
    fc.assert(
      fc.property(header, ids, fc.infiniteStream(content), sizes, (head, objectIds, contents, pieces) => {
        const subgroup = head.subgroup ?? objectIds[0] ?? null;
        const objects = objectIds.map((object): ReceivedObject => {
          const { status, properties: kept, payload: data } = contents.next().value;
          const normal = status === 'normal';
          return {
            group: head.group,
            subgroup,
            object,
            status,
            priority: head.priority ?? 77,
            properties: normal && head.hasProperties ? kept : NONE,
            payload: normal ? data : NONE,
          };
        });
        const stream = Buffer.concat([encodeSubgroupHeader(head), ...encodedObjects(head, objects)]);
        expect(readSubgroup([stream])).toEqual({ head: { ...head, subgroup }, objects, ended: true });
        expect(readSubgroup(split(stream, pieces))).toEqual({ head: { ...head, subgroup }, objects, ended: true });
      }),
      { seed: 18, numRuns: 300 },
    );
  });

  it('yields whole objects only, and ends the session if the stream ends anywhere else', () => {
    fc.assert(
      fc.property(header, ids, (head, objectIds) => {
        const objects = objectIds.map((object) => ({
          object,
          status: 'normal' as const,
          properties: NONE,
          payload: NONE,
        }));
        const parts = [encodeSubgroupHeader(head), ...encodedObjects(head, objects)];
        const ends = new Set<number>();
        let length = 0;
        for (const part of parts) {
          length += part.length;
          ends.add(length);
        }
        const stream = Buffer.concat(parts);
        for (let cut = 0; cut < stream.length; cut++) {
          const read = (): unknown => readSubgroup([stream.subarray(0, cut)]);
          if (ends.has(cut)) expect(read()).toMatchObject({ ended: true });
          else expect(read).toThrow(SessionError);
        }
      }),
      { seed: 18, numRuns: 100 },
    );
  });
});

type FetchItem = ReceivedObject | { readonly end: Location; readonly unknown: boolean };

const fetched = fc.record({
  subgroup: fc.option(fc.oneof(fc.integer({ min: 0, max: 3 }), vi64)),
  priority,
  properties,
  payload,
});
const ranges = fc.infiniteStream(fc.constantFrom<boolean | null>(null, null, null, true, false));

describe('fetch streams', () => {
  it.each<GroupOrder>(['ascending', 'descending'])(
    'BUS-68: the parser yields what was encoded in %s order, however the stream is split',
    (order) => {
      const groups = fc.array(fc.tuple(vi64, ids), { maxLength: 4 });
      fc.assert(
        fc.property(
          vi64,
          groups,
          fc.infiniteStream(fetched),
          ranges,
          sizes,
          (requestId, plan, contents, kinds, pieces) => {
            const items: FetchItem[] = [];
            for (const [group, objectIds] of inOrder(plan, order)) {
              for (const object of objectIds) {
                const unknown = kinds.next().value;
                if (unknown !== null) items.push({ end: { group, object }, unknown });
                else items.push({ group, object, status: 'normal', ...contents.next().value });
              }
            }
            const encoder = new FetchObjectEncoder(order);
            const encoded = items.map((item) =>
              'end' in item ? encoder.rangeEnd(item.end, item.unknown) : encoder.object(item),
            );
            const stream = Buffer.concat([encodeFetchHeader(requestId), ...encoded]);
            const expected = { requestId, items, ended: true };
            expect(readFetch([stream], order)).toEqual(expected);
            expect(readFetch(split(stream, pieces), order)).toEqual(expected);
          },
        ),
        { seed: 18, numRuns: 300 },
      );
    },
  );

  it('ends the session wherever the stream ends within an object', () => {
    const encoder = new FetchObjectEncoder('ascending');
    const object = { group: 1000, subgroup: 300, object: 5000, status: 'normal', priority: 3 } as const;
    const filled = { properties: new Uint8Array(Buffer.from('b80001', 'hex')), payload: new Uint8Array(3) };
    const parts = [encodeFetchHeader(4), encoder.object({ ...object, ...filled }), encoder.rangeEnd(object, true)];
    const stream = Buffer.concat(parts);
    const ends = [parts[0]!.length, parts[0]!.length + parts[1]!.length, stream.length];
    for (let cut = 0; cut <= stream.length; cut++) {
      const read = (): unknown => readFetch([stream.subarray(0, cut)], 'ascending');
      if (ends.includes(cut)) expect(read()).toMatchObject({ ended: true });
      else expect(read).toThrow(SessionError);
    }
  });
});

function encodedObjects(
  head: SubgroupHeader,
  objects: readonly Pick<ReceivedObject, 'object' | 'status' | 'properties' | 'payload'>[],
): Uint8Array[] {
  let previous: Vi64 | null = null;
  return objects.map((object) => {
    const delta = objectIdDelta(previous, object.object);
    previous = object.object;
    return encodeSubgroupObject({ ...object, delta, hasProperties: head.hasProperties });
  });
}

function* split(stream: Uint8Array, pieces: fc.Stream<number>): Generator<Uint8Array> {
  for (let start = 0; start < stream.length; ) {
    const end = start + pieces.next().value;
    yield stream.subarray(start, end);
    start = end;
  }
}

// The bytes are overwritten as soon as the parser has had them: it must not keep what it was only lent. They are a
// Buffer, whose `slice` would keep them.
function* lent(parts: Iterable<Uint8Array>): Generator<readonly [Uint8Array, boolean]> {
  for (const part of parts) {
    const copy = Buffer.from(part);
    yield [copy, false];
    copy.fill(0xee);
  }
  yield [NONE, true];
}

function readSubgroup(parts: Iterable<Uint8Array>): object {
  const parser = new SubgroupStreamParser();
  parser.defaultPriority = 77;
  const objects: ReceivedObject[] = [];
  let head: SubgroupHeader | null = null;
  let ended = false;
  for (const [bytes, fin] of lent(parts)) {
    parser.push(bytes, fin);
    for (let item = parser.next(); item !== null; item = parser.next()) {
      if (item === 'header') head = parser.header;
      else if (item === 'object') objects.push(parser.object);
      else ended = true;
    }
  }
  return { head, objects, ended };
}

function readFetch(parts: Iterable<Uint8Array>, order: GroupOrder): object {
  const parser = new FetchStreamParser();
  const items: FetchItem[] = [];
  let requestId: Vi64 | null = null;
  let ended = false;
  for (const [bytes, fin] of lent(parts)) {
    parser.push(bytes, fin);
    for (let item = parser.next(); item !== null; item = parser.next()) {
      if (item === 'header') {
        requestId = parser.requestId;
        parser.groupOrder = order;
      } else if (item === 'object') items.push(parser.object);
      else if (item === 'range-end') items.push(parser.rangeEnd);
      else ended = true;
    }
  }
  return { requestId, items, ended };
}

function inOrder(
  plan: readonly (readonly [Vi64, readonly Vi64[]])[],
  order: GroupOrder,
): (readonly [Vi64, readonly Vi64[]])[] {
  const groups = [...new Map(plan)].sort(([a], [b]) => (a < b ? -1 : 1));
  return order === 'ascending' ? groups : groups.reverse();
}
