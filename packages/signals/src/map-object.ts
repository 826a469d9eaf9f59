import { type Content, checkSize, decodeContent, encodeContent } from './content/content.js';
import { Fields } from './content/fields.js';
import { SchemaError } from './errors.js';
import { FULL_TRACK_NAME_BYTES_MAX, MAP_KEYS_MAX } from './limits.js';
import { checkSchemaVersion } from './schema-version.js';
import type { ContentFormat, MapDelta, MapObject } from './signal.js';

/** The version of the frame around the entries of map tracks; values have versions of their own. */
const FRAME_VERSION = 1000;

/** Bounds of one Object of a map track. */
export interface MapLimits {
  readonly bytesMax: number;
  readonly valueBytesMax: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The first Object of a Group: every key. Throws SchemaError past the limits. */
export function encodeSnapshot(
  entries: ReadonlyMap<string, Uint8Array>,
  format: ContentFormat,
  limits: MapLimits,
): Uint8Array {
  const content = new Map<string, unknown>([
    ['schema', FRAME_VERSION],
    ['snapshot', writeEntries(entries, 'snapshot', format, limits)],
  ]);
  return checked(encodeContent(content, format), limits);
}

/** A later Object of a Group. An empty delta is the heartbeat that renews every key. Throws SchemaError past the limits. */
export function encodeDelta(delta: MapDelta, format: ContentFormat, limits: MapLimits): Uint8Array {
  const content = new Map<string, unknown>([['schema', FRAME_VERSION]]);
  if (delta.set.size > 0) content.set('set', writeEntries(delta.set, 'set', format, limits));
  if (delta.removed.length > 0) content.set('removed', checkKeys(delta.removed, 'removed'));
  return checked(encodeContent(content, format), limits);
}

/** Reads either kind. Values are views of `bytes` but in JSON. Throws SchemaError naming field, value and expectation. */
export function decodeMapObject(bytes: Uint8Array, format: ContentFormat, limits: MapLimits): MapObject {
  const content = decodeContent(bytes, format, limits.bytesMax);
  checkSchemaVersion(content, FRAME_VERSION);
  const fields = new Fields(content);
  if (fields.has('snapshot')) {
    return { kind: 'snapshot', entries: readEntries(fields.map('snapshot'), 'snapshot', format, limits) };
  }
  const set = fields.has('set') ? readEntries(fields.map('set'), 'set', format, limits) : new Map();
  const removed = fields.has('removed') ? checkKeys(fields.array('removed', MAP_KEYS_MAX), 'removed') : [];
  const both = removed.find((key) => set.has(key));
  if (both !== undefined) throw new SchemaError('DUPLICATE', 'removed', both, 'a key that is not set at the same time');
  return { kind: 'delta', set, removed };
}

// JSON has no byte strings; values in JSON are texts already.
function writeEntries(
  entries: ReadonlyMap<string, Uint8Array>,
  field: string,
  format: ContentFormat,
  limits: MapLimits,
): Content {
  checkCount(entries.size, field);
  const written = new Map<string, unknown>();
  for (const [key, value] of entries) {
    checkKey(key, field);
    checkValue(key, value, field, limits);
    written.set(key, format === 'json' ? decoder.decode(value) : value);
  }
  return written;
}

function readEntries(
  content: Content,
  field: string,
  format: ContentFormat,
  limits: MapLimits,
): Map<string, Uint8Array> {
  checkCount(content.size, field);
  const entries = new Map<string, Uint8Array>();
  for (const [key, raw] of content) {
    checkKey(key, field);
    const value = format === 'json' && typeof raw === 'string' ? encoder.encode(raw) : raw;
    if (!(value instanceof Uint8Array)) throw new SchemaError('TYPE', `${field}[${key}]`, raw, 'an encoded value');
    checkValue(key, value, field, limits);
    entries.set(key, value);
  }
  return entries;
}

function checkKeys(keys: readonly unknown[], field: string): string[] {
  checkCount(keys.length, field);
  const distinct = new Set<string>();
  for (const key of keys) {
    checkKey(key, field);
    if (distinct.has(key)) throw new SchemaError('DUPLICATE', field, key, 'each key once');
    distinct.add(key);
  }
  return [...distinct];
}

function checkKey(key: unknown, field: string): asserts key is string {
  if (typeof key !== 'string' || key.length < 1 || key.length > FULL_TRACK_NAME_BYTES_MAX) {
    throw new SchemaError('RANGE', `${field} key`, key, `text of 1 to ${FULL_TRACK_NAME_BYTES_MAX} characters`);
  }
}

function checkCount(count: number, field: string): void {
  if (count > MAP_KEYS_MAX) throw new SchemaError('TOO_MANY', field, `${count} keys`, `at most ${MAP_KEYS_MAX} keys`);
}

function checkValue(key: string, value: Uint8Array, field: string, limits: MapLimits): void {
  if (value.length > limits.valueBytesMax) {
    throw new SchemaError(
      'TOO_LARGE',
      `${field}[${key}]`,
      `${value.length} bytes`,
      `at most ${limits.valueBytesMax} bytes`,
    );
  }
}

function checked(bytes: Uint8Array, limits: MapLimits): Uint8Array {
  checkSize(bytes, limits.bytesMax);
  return bytes;
}
