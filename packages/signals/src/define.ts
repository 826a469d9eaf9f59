import { type Content, decodeContent, encodeContent } from './content/content.js';
import { Fields } from './content/fields.js';
import { SchemaError } from './errors.js';
import { decodeMapObject, encodeDelta, encodeSnapshot } from './map-object.js';
import { type PathParameters, pathPattern } from './pattern.js';
import { checkSchemaVersion } from './schema-version.js';
import type { ContentFormat, MapSignal, SignalRow, StateSignal, Tombstone } from './signal.js';

/** How a value becomes the fields of a payload and back. */
export interface Schema<V> {
  /** 1000 × major + minor. A minor version only adds fields that readers can do without. */
  readonly version: number;
  /** The fields, without `schema` and `deleted`. Throws SchemaError for what the types cannot rule out. */
  write(value: V, format: ContentFormat): Map<string, unknown>;
  /** Throws SchemaError naming field, value and expectation. Ignores fields that it does not know. */
  read(content: Content, format: ContentFormat): V;
}

/** A registry row as it is written down; names and versions come from pattern and schema. */
export type RowDefinition = Omit<SignalRow, 'params' | 'schemaVersion'>;

/** A signal of shape `state`. */
export function defineState<P extends PathParameters, V>(
  row: RowDefinition & { readonly shape: 'state' },
  schema: Schema<V>,
): StateSignal<P, V> {
  const { encode, decode } = valueCodec(row.bytesMax, schema);
  return {
    ...row,
    ...pathPattern<P>(row.pattern),
    schemaVersion: schema.version,
    encode,
    decode,
    decodeState(bytes, format = 'cbor') {
      const content = decodeContent(bytes, format, row.bytesMax);
      checkSchemaVersion(content, schema.version);
      if (content.get('deleted') === true) return { deleted: true, tombstone: readTombstone(content) };
      return { deleted: false, value: schema.read(content, format) };
    },
    encodeTombstone: (tombstone, format = 'cbor') => encodeContent(writeTombstone(tombstone, schema.version), format),
  };
}

/** A signal of shape `map`; `row.bytesMax` bounds a whole object, `valueBytesMax` the value of one key. */
export function defineMap<P extends PathParameters, V>(
  row: RowDefinition & { readonly shape: 'map' },
  valueBytesMax: number,
  schema: Schema<V>,
): MapSignal<P, V> {
  const limits = { bytesMax: row.bytesMax, valueBytesMax };
  return {
    ...row,
    ...pathPattern<P>(row.pattern),
    ...valueCodec(valueBytesMax, schema),
    valueBytesMax,
    schemaVersion: schema.version,
    encodeSnapshot: (entries, format = 'cbor') => encodeSnapshot(entries, format, limits),
    encodeDelta: (delta, format = 'cbor') => encodeDelta(delta, format, limits),
    decodeObject: (bytes, format = 'cbor') => decodeMapObject(bytes, format, limits),
  };
}

function valueCodec<V>(bytesMax: number, schema: Schema<V>) {
  function decode(bytes: Uint8Array, format: ContentFormat = 'cbor'): V {
    const content = decodeContent(bytes, format, bytesMax);
    checkSchemaVersion(content, schema.version);
    if (content.get('deleted') === true) throw new SchemaError('DELETED', 'deleted', true, 'a value');
    return schema.read(content, format);
  }
  function encode(value: V, format: ContentFormat = 'cbor'): Uint8Array {
    const bytes = encodeContent(new Map([['schema', schema.version], ...schema.write(value, format)]), format);
    // What a consumer would refuse never leaves: the reader itself is the check.
    decode(bytes, format);
    return bytes;
  }
  return { encode, decode };
}

function writeTombstone(tombstone: Tombstone, version: number): Content {
  const content = new Map<string, unknown>([
    ['schema', version],
    ['deleted', true],
  ]);
  if (tombstone.version !== null) content.set('version', tombstone.version);
  if (tombstone.deletedWallMs !== null) content.set('deletedWallMs', tombstone.deletedWallMs);
  return content;
}

function readTombstone(content: Content): Tombstone {
  const fields = new Fields(content);
  return {
    version: fields.optionalInteger('version', 0, Number.MAX_SAFE_INTEGER),
    deletedWallMs: fields.optionalInteger('deletedWallMs', 0, Number.MAX_SAFE_INTEGER),
  };
}
