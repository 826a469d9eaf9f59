import {
  CONTENT_FORMAT_CBOR,
  CONTENT_FORMAT_JSON,
  CONTENT_FORMAT_MSGPACK,
  encodeProperties,
  findBytes,
  findInteger,
  immutableProperties,
  type KeyValuePair,
  OBJECT_AGE_MS,
  OBJECT_PREVIOUS_GROUP,
  OBJECT_PREVIOUS_OBJECT,
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
import { SchemaError } from './errors.js';
import { WRITER_ID_BYTES_MAX } from './limits.js';
import type { ContentFormat, Shape, SignalRow } from './signal.js';

/** What a writer says about an Object. All of it lies inside IMMUTABLE_PROPERTIES, where no relay may touch it. */
export interface ObjectEnvelope {
  /** How long the value is valid after it was published, in ms. */
  readonly ttlMs: number;
  /** The writer's wall clock when it committed the value, ms since 1970 UTC, not stepped within an epoch. */
  readonly publishTimeMs: number;
  /** On Object 0 of a Group: the Group that the writer published before; absent on the first of all. */
  readonly previousGroup?: number;
  /** With `previousGroup`: the last Object of that Group. */
  readonly previousObject?: number;
}

/** What a consumer finds on an Object; null for what is not there. */
export interface ReceivedEnvelope {
  readonly ttlMs: number | null;
  readonly publishTimeMs: number | null;
  readonly previousGroup: number | null;
  readonly previousObject: number | null;
  /** How long publisher and relays have held the Object, all told, in ms; 0 if none said so. */
  readonly ageMs: number;
}

/** What a writer says about a track. */
export interface TrackEnvelope {
  readonly shape: Shape;
  readonly contentFormat: ContentFormat;
  /** Identifies the writer, whose heartbeat is on `platform/publisher/{id}`; 1 to 256 bytes of UTF-8. */
  readonly writerId: string;
}

/** What a consumer finds on a track; null for what is not there or not understood. */
export interface ReceivedTrackEnvelope {
  readonly shape: Shape | null;
  readonly contentFormat: ContentFormat | null;
  readonly writerId: string | null;
}

const SHAPES: readonly (readonly [Shape, number])[] = [
  ['state', SHAPE_STATE],
  ['map', SHAPE_MAP],
  ['event', SHAPE_EVENT],
];
const CONTENT_FORMATS: readonly (readonly [ContentFormat, number])[] = [
  ['cbor', CONTENT_FORMAT_CBOR],
  ['msgpack', CONTENT_FORMAT_MSGPACK],
  ['json', CONTENT_FORMAT_JSON],
];
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The properties of an Object as encoded Key-Value-Pairs; the bytes are the caller's. Throws SchemaError. */
export function encodeObjectProperties(envelope: ObjectEnvelope): Uint8Array {
  const pairs: KeyValuePair[] = [
    { type: OBJECT_TTL_MS, value: checkInteger('ttlMs', envelope.ttlMs) },
    { type: OBJECT_PUBLISH_TIME_MS, value: checkInteger('publishTimeMs', envelope.publishTimeMs) },
  ];
  if (envelope.previousGroup !== undefined) {
    pairs.push({ type: OBJECT_PREVIOUS_GROUP, value: checkInteger('previousGroup', envelope.previousGroup) });
  }
  if (envelope.previousObject !== undefined) {
    pairs.push({ type: OBJECT_PREVIOUS_OBJECT, value: checkInteger('previousObject', envelope.previousObject) });
  }
  return encodeProperties([immutableProperties(pairs)]);
}

/**
 * Reads the properties of an Object, which the session has checked. What the writer says counts where it is immutable
 * first, so that nobody on the way can lengthen a TTL; the age counts where relays write it.
 */
export function readObjectProperties(properties: Uint8Array): ReceivedEnvelope {
  const immutable = findBytes(properties, PropertyType.IMMUTABLE_PROPERTIES) ?? properties;
  const written = (type: number) => saturate(findInteger(immutable, type) ?? findInteger(properties, type));
  return {
    ttlMs: written(OBJECT_TTL_MS),
    publishTimeMs: written(OBJECT_PUBLISH_TIME_MS),
    previousGroup: written(OBJECT_PREVIOUS_GROUP),
    previousObject: written(OBJECT_PREVIOUS_OBJECT),
    ageMs: saturate(findInteger(properties, OBJECT_AGE_MS)) ?? 0,
  };
}

/**
 * The TTL that counts for an Object of `signal`: the stated one, at most `ttlMsMax`; the registry's default where none
 * is stated. Nothing is ever valid without end.
 */
export function effectiveTtlMs(signal: SignalRow, envelope: ReceivedEnvelope): number {
  return Math.min(envelope.ttlMs ?? signal.ttlMs, signal.ttlMsMax);
}

/** The properties of a track as encoded Key-Value-Pairs; map tracks let subscribers ask for a new Group. Throws SchemaError. */
export function encodeTrackProperties(envelope: TrackEnvelope): Uint8Array {
  const writerId = encoder.encode(envelope.writerId);
  if (writerId.length < 1 || writerId.length > WRITER_ID_BYTES_MAX) {
    throw new SchemaError('RANGE', 'writerId', envelope.writerId, `1 to ${WRITER_ID_BYTES_MAX} bytes`);
  }
  const pairs: KeyValuePair[] = [
    { type: TRACK_SHAPE, value: codeOf(SHAPES, envelope.shape) },
    { type: TRACK_WRITER_ID, value: writerId },
    { type: TRACK_CONTENT_FORMAT, value: codeOf(CONTENT_FORMATS, envelope.contentFormat) },
  ];
  if (envelope.shape === 'map') pairs.push({ type: PropertyType.DYNAMIC_GROUPS, value: 1 });
  return encodeProperties(pairs);
}

/** Reads the properties of a track, which the session has checked; unknown codes count as not there. */
export function readTrackProperties(properties: Uint8Array): ReceivedTrackEnvelope {
  const writerId = findBytes(properties, TRACK_WRITER_ID);
  const readable = writerId !== null && writerId.length >= 1 && writerId.length <= WRITER_ID_BYTES_MAX;
  return {
    shape: nameOf(SHAPES, findInteger(properties, TRACK_SHAPE)),
    contentFormat: nameOf(CONTENT_FORMATS, findInteger(properties, TRACK_CONTENT_FORMAT)),
    writerId: readable ? decoder.decode(writerId) : null,
  };
}

function checkInteger(field: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new SchemaError('RANGE', field, value, `an integer from 0 to ${Number.MAX_SAFE_INTEGER}`);
  }
  return value;
}

// Beyond 2^53 ms all values mean the same: longer than anything lasts.
function saturate(value: Vi64 | null): number | null {
  return typeof value === 'bigint' ? Number.MAX_SAFE_INTEGER : value;
}

function codeOf<T>(table: readonly (readonly [T, number])[], name: T): number {
  return table.find(([candidate]) => candidate === name)![1];
}

function nameOf<T>(table: readonly (readonly [T, number])[], code: Vi64 | null): T | null {
  return table.find(([, candidate]) => candidate === code)?.[0] ?? null;
}
