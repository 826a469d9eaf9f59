import { datagram, fetchStream, join, Random, subgroupStream } from '@higgins/fuzz';
import { FetchObjectEncoder, type GroupOrder, type ObjectDatagram, SessionError } from '@higgins/protocol';
import { CODECS, type DecodedFetch, type DecodedSubgroup, plain, VECTORS } from '@higgins/vectors';
import {
  decodeFetchObject18,
  decodeObjectDatagram18,
  encodeFetchEndOfRange18,
  encodeObjectDatagram18,
  readVi64,
  writeVi64,
} from '@moqt/transport';
import { describe, expect, it } from 'vitest';
import {
  fetchWrittenByThem,
  isObject,
  shared,
  theirFetch,
  theirSubgroup,
  toTheirDatagram,
  writtenByThem,
} from './data.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const vectors = (form: string) => VECTORS.filter((vector) => vector.form === form);
const DRAWN = 300;

function drawn(make: (random: Random) => readonly Uint8Array[]): Uint8Array[] {
  return Array.from({ length: DRAWN }, (_, index) => join(make(new Random(18, index))));
}

describe('integers against @moqt/transport', () => {
  it.each(vectors('integer').map(({ name, hex: text, reencodes }) => [name, text, reencodes ?? text] as const))(
    'BUS-68: both read and write %s alike',
    (_name, text, shortest) => {
      const value = CODECS.integer.decode([bytesOf(text)], '') as number | bigint;
      expect(readVi64(bytesOf(text), 0)).toEqual({ value: BigInt(value), bytesRead: text.length / 2 });
      const written = new Uint8Array(9);
      expect(hex(written.subarray(0, writeVi64(BigInt(value), written, 0)))).toBe(shortest);
    },
  );
});

describe('subgroup streams against @moqt/transport at draft-18', () => {
  const streams = [
    ...vectors('subgroup').map(({ hex: text }) => bytesOf(text)),
    ...drawn((random) => subgroupStream(random, random.vi64())),
  ];
  const decoded = streams.map((bytes) => [bytes, CODECS.subgroup.decode([bytes], '') as DecodedSubgroup] as const);
  const byFirstObject = (bytes: Uint8Array): boolean => (bytes[0]! & 0x06) === 0x02;

  it('BUS-68: both read them alike', () => {
    for (const [bytes, { header, objects }] of decoded.filter(([bytes]) => !byFirstObject(bytes))) {
      expect(theirSubgroup(bytes)).toEqual(objects.map((object) => shared(object, header.priority ?? undefined)));
    }
  });

  it('BUS-68: both write them alike', () => {
    for (const [, stream] of decoded) {
      expect(hex(writtenByThem(stream))).toBe(hex(CODECS.subgroup.encode(stream, '')));
      expect(plain(CODECS.subgroup.decode([writtenByThem(stream)], ''))).toEqual(plain(stream));
    }
  });

  it('draft-18 §11.4.2: they give a Subgroup ID of 0 where it is that of the first object, we give the first object', () => {
    const streamsByFirst = decoded.filter(
      ([bytes, { objects }]) => byFirstObject(bytes) && objects.some(({ object }) => object !== 0),
    );
    expect(streamsByFirst.length).toBeGreaterThan(10);
    for (const [bytes, { header, objects }] of streamsByFirst) {
      expect(new Set(theirSubgroup(bytes).map(({ subgroup }) => subgroup))).toEqual(new Set([0n]));
      expect(header.subgroup).toBe(objects[0]?.object);
    }
  });
});

describe('fetch streams against @moqt/transport at draft-18', () => {
  const orders: readonly GroupOrder[] = ['ascending', 'descending'];
  const decoded = orders.flatMap((order) =>
    drawn((random) => fetchStream(random, random.vi64(), order)).map(
      (bytes) => [bytes, order, CODECS.fetch.decode([bytes], order) as DecodedFetch] as const,
    ),
  );
  const whole = decoded.filter(([, , { items }]) => items.every(isObject));

  it('BUS-68: they read what we write', () => {
    expect(whole.length).toBeGreaterThan(100);
    for (const [bytes, order, { items }] of whole) {
      expect(theirFetch(bytes, order)).toEqual(items.filter(isObject).map((item) => shared(item, item.priority)));
    }
  });

  it('BUS-68: we read what they write, which has no properties', () => {
    for (const [, order, stream] of whole) {
      const items = stream.items
        .filter(isObject)
        .map((item) => ({ ...item, subgroup: item.subgroup ?? 0, properties: new Uint8Array(0) }));
      const read = CODECS.fetch.decode([fetchWrittenByThem(stream, order)], order);
      expect(plain(read)).toEqual(plain({ requestId: stream.requestId, items }));
    }
  });

  it('draft-18 §11.4.4.2: they write a payload length after the end of a range, for which the draft has no field', () => {
    const end = { group: 5, object: 9 };
    for (const unknown of [false, true]) {
      const ours = new FetchObjectEncoder('ascending').rangeEnd(end, unknown);
      const theirs = encodeFetchEndOfRange18(!unknown, 5n, 9n, undefined).bytes;
      expect(hex(theirs)).toBe(`${hex(ours)}00`);
      expect(() => decodeFetchObject18(ours, 0, undefined, true, 'ascending')).toThrow();
      // We take the zero for the flags of the next object, as the draft has it.
      const stream = [Uint8Array.of(5, 0), ours];
      expect((CODECS.fetch.decode(stream, 'ascending') as DecodedFetch).items).toEqual([{ end, unknown }]);
      expect(() => CODECS.fetch.decode([Uint8Array.of(5, 0), theirs], 'ascending')).toThrow(SessionError);
    }
  });
});

describe('datagrams against @moqt/transport at draft-18', () => {
  const all = [
    // One form of each: they write a status of Normal where we write an empty Object.
    ...vectors('datagram')
      .filter(({ reencodes }) => reencodes === undefined)
      .map(({ hex: text }) => bytesOf(text)),
    ...drawn((random) => [datagram(random, random.vi64())]),
  ];
  const objects = all
    .map((bytes) => [bytes, CODECS.datagram.decode([bytes], '') as ObjectDatagram | null] as const)
    .filter((pair): pair is readonly [Uint8Array, ObjectDatagram] => pair[1] !== null);

  it('BUS-68: both read and write them alike', () => {
    expect(objects.length).toBeGreaterThan(DRAWN);
    for (const [bytes, ours] of objects) {
      expect(decodeObjectDatagram18(bytes, 0).datagram).toEqual(toTheirDatagram(ours));
      expect(hex(encodeObjectDatagram18(toTheirDatagram(ours)))).toBe(hex(bytes));
    }
  });
});
