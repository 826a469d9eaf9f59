import { Encoder as CborEncoder } from 'cbor-x';
import { Packr } from 'msgpackr';
import { SchemaError } from '../errors.js';
import type { ContentFormat } from '../signal.js';
import { scanCbor } from './cbor-scan.js';
import { scanJson } from './json-scan.js';
import { scanMsgpack } from './msgpack-scan.js';

/** A decoded payload: maps stay Maps, so that no key of a hostile payload can reach an object's prototype. */
export type Content = ReadonlyMap<string, unknown>;

// Plain data only: no records, no tags, no shared structures.
const cbor = new CborEncoder({ mapsAsObjects: false, useRecords: false, tagUint8Array: false });
const msgpack = new Packr({ mapsAsObjects: false, useRecords: false, moreTypes: false });
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const SCANNERS = { cbor: scanCbor, msgpack: scanMsgpack, json: scanJson };
// The decoders hang a property onto the array that they are given, hence a view of their own.
const DECODERS = {
  cbor: (bytes: Uint8Array): unknown => cbor.decode(bytes.subarray()),
  msgpack: (bytes: Uint8Array): unknown => msgpack.unpack(bytes.subarray()),
  json: (bytes: Uint8Array): unknown => toMaps(JSON.parse(decoder.decode(bytes))),
};

/**
 * Decodes a payload. Throws SchemaError if it has more than `bytesMax` bytes, is nested too deep, is not the format, has
 * a key twice in one map, or is no map. Size and nesting are checked before any decoder sees it. Byte strings inside are
 * views of `bytes`.
 */
export function decodeContent(bytes: Uint8Array, format: ContentFormat, bytesMax: number): Content {
  checkSize(bytes, bytesMax);
  const pairs = SCANNERS[format](bytes);
  const content = decodeWith(format, bytes);
  if (!(content instanceof Map)) throw new SchemaError('TYPE', 'payload', content, 'a map');
  const distinct = countPairs(content);
  if (distinct !== pairs)
    throw new SchemaError('DUPLICATE', 'payload', `${pairs - distinct} keys twice`, 'each key once');
  return content;
}

/** Encodes plain data: Maps, arrays, text, numbers, booleans, null and, but in JSON, byte strings. The bytes are the caller's. */
export function encodeContent(content: Content, format: ContentFormat): Uint8Array {
  if (format === 'json') return encoder.encode(JSON.stringify(fromMaps(content)));
  const value = withWideIntegers(content);
  // The encoders hand out views of a larger buffer.
  return new Uint8Array(format === 'cbor' ? cbor.encode(value) : msgpack.pack(value));
}

/** Throws SchemaError if there are more than `bytesMax` bytes. */
export function checkSize(bytes: Uint8Array, bytesMax: number): void {
  if (bytes.length > bytesMax) {
    throw new SchemaError('TOO_LARGE', 'payload', `${bytes.length} bytes`, `at most ${bytesMax} bytes`);
  }
}

function decodeWith(format: ContentFormat, bytes: Uint8Array): unknown {
  try {
    return DECODERS[format](bytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SchemaError('MALFORMED', 'payload', reason, `well-formed ${format}`);
  }
}

function countPairs(value: unknown): number {
  let pairs = 0;
  if (value instanceof Map) {
    pairs += value.size;
    for (const item of value.values()) pairs += typeof item === 'object' ? countPairs(item) : 0;
  } else if (Array.isArray(value)) {
    for (const item of value) pairs += typeof item === 'object' ? countPairs(item) : 0;
  }
  return pairs;
}

function toMaps(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(toMaps);
  return new Map(Object.entries(value).map(([key, item]) => [key, toMaps(item)]));
}

function fromMaps(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromMaps);
  if (!(value instanceof Map)) return value;
  return Object.fromEntries([...value].map(([key, item]) => [key, fromMaps(item)]));
}

// Both encoders write integers beyond 32 bits as floats; a bigint stays an integer, which strict readers expect.
function withWideIntegers(value: unknown): unknown {
  if (typeof value === 'number')
    return Number.isSafeInteger(value) && Math.abs(value) > 0xffff_ffff ? BigInt(value) : value;
  // Arrays of numbers hold AS numbers, which 32 bits suffice for: only those of maps are worth a walk.
  if (Array.isArray(value)) return value[0] instanceof Map ? value.map(withWideIntegers) : value;
  if (!(value instanceof Map)) return value;
  return new Map([...value].map(([key, item]) => [key, withWideIntegers(item)]));
}
