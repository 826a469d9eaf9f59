import {
  CONTENT_FORMAT_CBOR,
  CONTENT_FORMAT_JSON,
  CONTENT_FORMAT_MSGPACK,
  encodeProperties,
  findBytes,
  findInteger,
  immutableProperties,
  OBJECT_AGE_MS,
  OBJECT_PREVIOUS_GROUP,
  OBJECT_PUBLISH_TIME_MS,
  OBJECT_TTL_MS,
  PropertyType,
  SHAPE_EVENT,
  SHAPE_MAP,
  SHAPE_STATE,
  TRACK_CONTENT_FORMAT,
  TRACK_SHAPE,
  TRACK_WRITER_ID,
  type Vi64,
} from '@higgins/protocol';
import type { ContentFormat, Shape } from '@higgins/signals';
import type { WrittenProperties } from './track-writer.js';

/** What the properties of an object say; null where they are silent, as behind a relay that drops them. */
export interface ReceivedProperties {
  readonly ttlMs: number | null;
  readonly publishMs: number | null;
  readonly previousGroup: number | null;
  /** How long relays held it, all told; 0 if nothing is said. */
  readonly ageMs: number;
}

/** What the properties of a track say. */
export interface TrackFacts {
  readonly shape: Shape | null;
  readonly format: ContentFormat;
  /** Empty if the track names no writer. */
  readonly writerId: string;
  readonly dynamicGroups: boolean;
}

const SHAPE_VALUES: Readonly<Record<Shape, number>> = { state: SHAPE_STATE, map: SHAPE_MAP, event: SHAPE_EVENT };
const FORMAT_VALUES: Readonly<Record<ContentFormat, number>> = {
  cbor: CONTENT_FORMAT_CBOR,
  msgpack: CONTENT_FORMAT_MSGPACK,
  json: CONTENT_FORMAT_JSON,
};

/** Encodes the properties of an object; all of them immutable, as relays must not touch them. */
export function encodeObjectProperties(properties: WrittenProperties): Uint8Array {
  const pairs = [
    { type: OBJECT_TTL_MS, value: properties.ttlMs },
    { type: OBJECT_PUBLISH_TIME_MS, value: Math.max(properties.publishMs, 0) },
  ];
  if (properties.previousGroup !== null) pairs.push({ type: OBJECT_PREVIOUS_GROUP, value: properties.previousGroup });
  return encodeProperties([immutableProperties(pairs)]);
}

/** Reads the properties of an object. What cannot be parsed, or lies beyond 2^53, counts as absent. */
export function readObjectProperties(bytes: Uint8Array): ReceivedProperties {
  return {
    ttlMs: numberOf(findInteger(bytes, OBJECT_TTL_MS)),
    publishMs: numberOf(findInteger(bytes, OBJECT_PUBLISH_TIME_MS)),
    previousGroup: numberOf(findInteger(bytes, OBJECT_PREVIOUS_GROUP)),
    ageMs: ageOf(findInteger(bytes, OBJECT_AGE_MS)),
  };
}

/** Encodes the properties of a track; a map lets subscribers ask for a new group. */
export function encodeTrackProperties(facts: {
  readonly shape: Shape;
  readonly format: ContentFormat;
  readonly writerId: string;
  /** Backstop for relays that know nothing of TTLs. */
  readonly maxCacheDurationMs: number;
}): Uint8Array {
  const pairs: { type: number; value: number | Uint8Array }[] = [
    { type: PropertyType.MAX_CACHE_DURATION, value: facts.maxCacheDurationMs },
    { type: TRACK_SHAPE, value: SHAPE_VALUES[facts.shape] },
    { type: TRACK_WRITER_ID, value: new TextEncoder().encode(facts.writerId) },
    { type: TRACK_CONTENT_FORMAT, value: FORMAT_VALUES[facts.format] },
  ];
  if (facts.shape === 'map') pairs.push({ type: PropertyType.DYNAMIC_GROUPS, value: 1 });
  return encodeProperties(pairs);
}

/** Reads the properties of a track; CBOR where none says otherwise. */
export function readTrackProperties(bytes: Uint8Array): TrackFacts {
  const writerId = findBytes(bytes, TRACK_WRITER_ID);
  return {
    shape: keyOf(SHAPE_VALUES, findInteger(bytes, TRACK_SHAPE)),
    format: keyOf(FORMAT_VALUES, findInteger(bytes, TRACK_CONTENT_FORMAT)) ?? 'cbor',
    writerId: writerId === null ? '' : new TextDecoder().decode(writerId),
    dynamicGroups: findInteger(bytes, PropertyType.DYNAMIC_GROUPS) === 1,
  };
}

function keyOf<Key extends string>(values: Readonly<Record<Key, number>>, value: Vi64 | null): Key | null {
  for (const key in values) if (values[key] === value) return key;
  return null;
}

function numberOf(value: Vi64 | null): number | null {
  return typeof value === 'number' ? value : null;
}

// An age beyond 2^53 is an age all the same: the object is expired.
function ageOf(value: Vi64 | null): number {
  return value === null ? 0 : Number(value);
}
