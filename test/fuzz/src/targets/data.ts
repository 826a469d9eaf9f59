import {
  checkObjectProperties,
  checkTrackProperties,
  decodeDatagram,
  EncodeError,
  encodeFetchHeader,
  encodeObjectDatagram,
  encodeProperties,
  encodeSubgroupHeader,
  encodeSubgroupObject,
  FetchObjectEncoder,
  type FetchRangeEnd,
  FetchStreamParser,
  findBytes,
  findInteger,
  type GroupOrder,
  type KeyValuePair,
  type ObjectDatagram,
  objectIdDelta,
  type ReceivedObject,
  readProperties,
  type SubgroupHeader,
  SubgroupStreamParser,
  unknownMandatoryProperty,
  type Vi64,
  withInteger,
} from '@higgins/protocol';
import { datagram, fetchStream, subgroupStream } from '../generate/data.js';
import { join, mutateBytes, mutatePieces } from '../generate/mutate.js';
import { objectProperties, trackProperties } from '../generate/values.js';
import { decoderTarget, type Format } from './decoder.js';

/** Below the defaults, so that inputs of a moderate size reach them. */
const LIMITS = { objectBytesMax: 50_000, propertiesBytesMax: 2_000 };
const NONE = new Uint8Array(0);

const subgroupFormat: Format = {
  name: 'subgroups',
  draw(random) {
    const pieces = subgroupStream(random, random.vi64());
    const changed = !random.oneIn(3);
    return { mode: '', bytes: join(changed ? mutatePieces(random, pieces) : pieces), changed };
  },
  decode(_mode, pieces, take) {
    const parser = new SubgroupStreamParser(LIMITS);
    let header: SubgroupHeader | null = null;
    const drain = (): void => {
      for (let step = parser.next(); step !== null; step = parser.next()) {
        if (step === 'header') header = parser.header;
        else if (step === 'object')
          take(header === null ? parser.object : { header: { ...header }, first: parser.object });
        else take('end');
        if (step === 'object') header = null;
      }
    };
    for (const piece of pieces) {
      parser.push(piece, false);
      drain();
    }
    parser.push(NONE, true);
    drain();
  },
  // Once the Subgroup ID is known from the first object it is written as a field.
  isCanonical: ([type = 0]) => (type & 0x06) !== 0x02,
  encode(_mode, items) {
    const [start, ...others] = items;
    if (start === undefined || start === 'end') return null;
    const { header, first } = start as { header: SubgroupHeader; first: ReceivedObject };
    const objects = [first, ...others.filter((item) => item !== 'end')] as ReceivedObject[];
    const pieces = [encodeSubgroupHeader(header)];
    let previous: Vi64 | null = null;
    for (const { object, properties, status, payload } of objects) {
      const delta = objectIdDelta(previous, object);
      previous = object;
      pieces.push(encodeSubgroupObject({ delta, properties, hasProperties: header.hasProperties, status, payload }));
    }
    return items.at(-1) === 'end' ? join(pieces) : null;
  },
};

const fetchFormat: Format = {
  name: 'fetches',
  draw(random) {
    const mode: GroupOrder = random.pick(['ascending', 'descending']);
    const pieces = fetchStream(random, random.vi64(), mode);
    const changed = !random.oneIn(3);
    return { mode, bytes: join(changed ? mutatePieces(random, pieces) : pieces), changed };
  },
  decode(mode, pieces, take) {
    const parser = new FetchStreamParser(LIMITS);
    parser.groupOrder = mode as GroupOrder;
    const drain = (): void => {
      for (let step = parser.next(); step !== null; step = parser.next()) {
        if (step === 'header') take(parser.requestId);
        else if (step === 'object') take(parser.object);
        else if (step === 'range-end') take(parser.rangeEnd);
        else take('end');
      }
    };
    for (const piece of pieces) {
      parser.push(piece, false);
      drain();
    }
    parser.push(NONE, true);
    drain();
  },
  encode(mode, items) {
    const [requestId, ...others] = items;
    if (items.at(-1) !== 'end') return null;
    const encoder = new FetchObjectEncoder(mode as GroupOrder);
    const pieces = [encodeFetchHeader(requestId as Vi64)];
    try {
      for (const item of others as ('end' | ReceivedObject | FetchRangeEnd)[]) {
        if (item === 'end') break;
        pieces.push('end' in item ? encoder.rangeEnd(item.end, item.unknown) : encoder.object(item));
      }
    } catch (error) {
      // A parser takes an Object ID twice, an encoder does not (draft-18 §11.4.4.1).
      if (error instanceof EncodeError && /expected a larger id/.test(error.message)) return null;
      throw error;
    }
    return join(pieces);
  },
};

const datagramFormat: Format = {
  name: 'datagrams',
  draw(random) {
    const bytes = datagram(random, random.vi64());
    const changed = random.oneIn(2);
    return { mode: '', bytes: changed ? mutateBytes(random, bytes) : bytes, changed };
  },
  // A datagram comes whole.
  decode: (_mode, pieces, take) => take(decodeDatagram(joined(pieces)) ?? 'padding'),
  encode: (_mode, items) =>
    items.length === 0 || items[0] === 'padding' ? null : encodeObjectDatagram(items[0] as ObjectDatagram),
};

const propertiesFormat: Format = {
  name: 'properties',
  draw(random) {
    const mode = random.pick(['object', 'track']);
    const bytes = mode === 'object' ? objectProperties(random) : trackProperties(random);
    const changed = random.oneIn(2);
    return { mode, bytes: changed ? mutateBytes(random, bytes) : bytes, changed };
  },
  decode(mode, pieces, take) {
    const bytes = joined(pieces);
    if (mode === 'object') checkObjectProperties(bytes, 5, 5);
    else {
      checkTrackProperties(bytes);
      unknownMandatoryProperty(bytes, new Set([0x4000]));
    }
    take(readProperties(bytes));
    for (const type of [0x04, 0x3c, 0x3806]) take(findInteger(bytes, type));
    for (const type of [0x0b, 0x0d, 0x3803]) take(findBytes(bytes, type)?.slice() ?? null);
    checkRewrite(bytes);
  },
  encode: (_mode, [pairs]) => (pairs === undefined ? null : encodeProperties(pairs as KeyValuePair[])),
};

/** Subgroup streams from their header on. */
export const subgroups = decoderTarget(subgroupFormat);
/** Fetch streams from their header on, in both group orders. */
export const fetches = decoderTarget(fetchFormat);
/** Datagrams. */
export const datagrams = decoderTarget(datagramFormat);
/** Properties of Objects and Tracks: checks, look-ups and the rewriting that relays do. */
export const properties = decoderTarget(propertiesFormat);

// What a relay writes into the mutable list is found again, and nothing else has changed.
function checkRewrite(bytes: Uint8Array): void {
  const rewritten = withInteger(bytes, 0x3806, 77);
  if (findInteger(rewritten, 0x3806) !== 77) throw new Error('rewritten property is not found again');
  const before = readProperties(bytes).filter(({ type }) => type !== 0x3806);
  const after = readProperties(rewritten).filter(({ type }) => type !== 0x3806);
  if (before.length !== after.length || before.some(({ type }, i) => type !== after[i]?.type)) {
    throw new Error('rewriting one property changed another');
  }
}

function joined(pieces: Iterable<Uint8Array>): Uint8Array {
  // Copied at once, since the pieces are only lent.
  const copies: Uint8Array[] = [];
  for (const piece of pieces) copies.push(Uint8Array.from(piece));
  return join(copies);
}
