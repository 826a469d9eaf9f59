import {
  decodeDatagram,
  encodeFetchHeader,
  encodeMessage,
  encodeObjectDatagram,
  encodeSubgroupHeader,
  encodeSubgroupObject,
  FetchObjectEncoder,
  type FetchRangeEnd,
  FetchStreamParser,
  type FullTrackName,
  formatTrackName,
  fullTrackName,
  type GroupOrder,
  type Message,
  MessageStreamParser,
  MOQT_18,
  type ObjectDatagram,
  objectIdDelta,
  Reader,
  type ReceivedObject,
  type SubgroupHeader,
  SubgroupStreamParser,
  trackNamespace,
  type Vi64,
  Writer,
} from '@higgins/protocol';
import type { Form } from './manifest.js';
import { placeOf } from './places.js';

const NONE = new Uint8Array(0);

/** How one form is read and written by the code under test. */
export interface Codec {
  /** Whether the bytes come in a stream, so that they may be split anywhere. */
  readonly stream: boolean;
  /** Decodes the whole, given in pieces; throws what the code throws. */
  decode(pieces: Iterable<Uint8Array>, place: string): unknown;
  encode(value: unknown, place: string): Uint8Array;
  /** What the manifest's `fields` say, from what `decode` returns. */
  fields(value: unknown): unknown;
}

/** A subgroup stream, decoded. */
export interface DecodedSubgroup {
  readonly header: SubgroupHeader;
  readonly objects: readonly ReceivedObject[];
}

/** A fetch stream, decoded. */
export interface DecodedFetch {
  readonly requestId: Vi64;
  readonly items: readonly (ReceivedObject | FetchRangeEnd)[];
}

const integer: Codec = {
  stream: false,
  decode: (pieces) => whole(pieces, (reader) => reader.vi64()),
  encode: (value) => written((writer) => writer.vi64(value as Vi64)),
  fields: (value) => ({ value }),
};

const name: Codec = {
  stream: false,
  decode: (pieces) =>
    whole(pieces, (reader) => {
      const fields = Array.from({ length: reader.saturated() }, () => reader.lengthPrefixed(4096, 'field'));
      return fullTrackName(trackNamespace(fields), reader.lengthPrefixed(4096, 'name'));
    }),
  encode: (value) =>
    written((writer) => {
      const { namespace, name: last } = value as FullTrackName;
      writer.vi64(namespace.fields.length);
      for (const field of namespace.fields) writer.lengthPrefixed(field);
      writer.lengthPrefixed(last);
    }),
  fields: (value) => ({ text: formatTrackName(value as FullTrackName) }),
};

const message: Codec = {
  stream: true,
  decode(pieces, place) {
    const parser = new MessageStreamParser(MOQT_18);
    const context = placeOf(place);
    let decoded: Message | null = null;
    for (const [piece, fin] of withEnd(pieces)) {
      parser.push(piece, fin);
      for (let next = parser.next(context); next !== null; next = parser.next(context)) decoded = next;
    }
    return decoded;
  },
  encode: (value, place) => encodeMessage(MOQT_18, value as Message, placeOf(place)),
  fields: (value) => value,
};

const subgroup: Codec = {
  stream: true,
  decode(pieces): DecodedSubgroup {
    const parser = new SubgroupStreamParser();
    const objects: ReceivedObject[] = [];
    for (const [piece, fin] of withEnd(pieces)) {
      parser.push(piece, fin);
      for (let step = parser.next(); step !== null; step = parser.next()) {
        if (step === 'object') objects.push(parser.object);
      }
    }
    return { header: parser.header, objects };
  },
  encode(value) {
    const { header, objects } = value as DecodedSubgroup;
    let previous: Vi64 | null = null;
    const pieces = objects.map(({ object, properties, status, payload }) => {
      const delta = objectIdDelta(previous, object);
      previous = object;
      return encodeSubgroupObject({ delta, properties, hasProperties: header.hasProperties, status, payload });
    });
    return joined([encodeSubgroupHeader(header), ...pieces]);
  },
  // Group, Subgroup ID and priority are those of the header.
  fields(value) {
    const { header, objects } = value as DecodedSubgroup;
    const shown = objects.map(({ object, status, properties, payload }) => ({ object, status, properties, payload }));
    return { header, objects: shown };
  },
};

const fetch: Codec = {
  stream: true,
  decode(pieces, place): DecodedFetch {
    const parser = new FetchStreamParser();
    parser.groupOrder = place as GroupOrder;
    const items: (ReceivedObject | FetchRangeEnd)[] = [];
    for (const [piece, fin] of withEnd(pieces)) {
      parser.push(piece, fin);
      for (let step = parser.next(); step !== null; step = parser.next()) {
        if (step === 'object') items.push(parser.object);
        else if (step === 'range-end') items.push(parser.rangeEnd);
      }
    }
    return { requestId: parser.requestId, items };
  },
  encode(value, place) {
    const { requestId, items } = value as DecodedFetch;
    const encoder = new FetchObjectEncoder(place as GroupOrder);
    const pieces = items.map((item) =>
      'end' in item ? encoder.rangeEnd(item.end, item.unknown) : encoder.object(item),
    );
    return joined([encodeFetchHeader(requestId), ...pieces]);
  },
  // The status of a fetched object is Normal.
  fields(value) {
    const { requestId, items } = value as DecodedFetch;
    return { requestId, items: items.map(({ ...item }) => ({ ...item, status: undefined })) };
  },
};

const datagram: Codec = {
  stream: false,
  decode: (pieces) => decodeDatagram(joined([...pieces])),
  encode: (value) => encodeObjectDatagram(value as ObjectDatagram),
  fields: (value) => value,
};

/** The code under test, by form. */
export const CODECS: Readonly<Record<Form, Codec>> = { integer, name, message, subgroup, fetch, datagram };

/** The pieces in one array. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces));
}

function* withEnd(pieces: Iterable<Uint8Array>): Generator<readonly [Uint8Array, boolean]> {
  for (const piece of pieces) yield [piece, false];
  yield [NONE, true];
}

function whole<T>(pieces: Iterable<Uint8Array>, read: (reader: Reader) => T): T {
  const reader = new Reader(joined([...pieces]));
  const value = read(reader);
  reader.finish('vector');
  return value;
}

function written(write: (writer: Writer) => void): Uint8Array {
  const writer = new Writer();
  write(writer);
  return writer.finish();
}
