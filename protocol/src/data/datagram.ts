import { EncodeError, protocolViolation } from '../errors.js';
import type { ObjectStatus } from '../model/objects.js';
import type { Vi64 } from '../model/vi64.js';
import { Reader } from '../wire/reader.js';
import { Writer } from '../wire/writer.js';
import { statusCode, statusOf } from './object-status.js';
import { PADDING_DATAGRAM } from './stream-types.js';
import { checkedPriority } from './subgroup.js';

/** OBJECT_DATAGRAM (draft-18 §11.3.1): one Object that belongs to no Subgroup. */
export interface ObjectDatagram {
  readonly trackAlias: Vi64;
  readonly group: Vi64;
  readonly object: Vi64;
  /** 0 to 255; null: the track's default. */
  readonly priority: number | null;
  /** Whether no Object with a larger id exists in the Group. */
  readonly endOfGroup: boolean;
  readonly status: ObjectStatus;
  /** Encoded Key-Value-Pairs; empty if none. */
  readonly properties: Uint8Array;
  readonly payload: Uint8Array;
}

const PROPERTIES = 0x01;
const END_OF_GROUP = 0x02;
const ZERO_OBJECT_ID = 0x04;
const DEFAULT_PRIORITY = 0x08;
const STATUS = 0x20;
const TYPE_MASK = 0x2f;

const NO_BYTES = new Uint8Array(0);
const writer = new Writer(2048);

/**
 * Decodes a datagram; null if it is padding. Nothing of `bytes` is kept. Throws PROTOCOL_VIOLATION; the properties are
 * not judged here, since that is about the track: `checkObjectProperties` does it.
 */
export function decodeDatagram(bytes: Uint8Array): ObjectDatagram | null {
  const reader = new Reader(bytes);
  const type = reader.vi64();
  if (type === PADDING_DATAGRAM) return null;
  const bits = objectBits(type);
  const trackAlias = reader.vi64();
  const group = reader.vi64();
  const object = bits & ZERO_OBJECT_ID ? 0 : reader.vi64();
  const priority = bits & DEFAULT_PRIORITY ? null : reader.uint8();
  const properties = bits & PROPERTIES ? readProperties(reader) : NO_BYTES;
  const status = bits & STATUS ? statusOf(reader.vi64()) : 'normal';
  if (bits & STATUS) reader.finish('object status datagram');
  if (status !== 'normal' && properties.length > 0)
    throw protocolViolation(`object of status ${status} has properties`);
  const endOfGroup = (bits & END_OF_GROUP) !== 0;
  return { trackAlias, group, object, priority, endOfGroup, status, properties, payload: reader.rest() };
}

/** Encodes a datagram; the bytes are the caller's own. Throws EncodeError for what the draft has no form for. */
export function encodeObjectDatagram(datagram: ObjectDatagram): Uint8Array {
  const { properties, status, payload, priority } = datagram;
  const hasStatus = status !== 'normal';
  if (hasStatus && (payload.length > 0 || properties.length > 0 || datagram.endOfGroup)) {
    throw new EncodeError(`object of status ${status} has a payload, properties or the end of its group`);
  }
  writer.clear();
  writer.vi64(
    (properties.length > 0 ? PROPERTIES : 0) |
      (datagram.endOfGroup ? END_OF_GROUP : 0) |
      (datagram.object === 0 ? ZERO_OBJECT_ID : 0) |
      (priority === null ? DEFAULT_PRIORITY : 0) |
      (hasStatus ? STATUS : 0),
  );
  writer.vi64(datagram.trackAlias);
  writer.vi64(datagram.group);
  if (datagram.object !== 0) writer.vi64(datagram.object);
  if (priority !== null) writer.uint8(checkedPriority(priority));
  if (properties.length > 0) writer.lengthPrefixed(properties);
  if (hasStatus) writer.vi64(statusCode(status));
  else writer.bytes(payload);
  return writer.finish();
}

function objectBits(type: Vi64): number {
  const bits = typeof type === 'number' && type <= TYPE_MASK ? type : -1;
  const known = bits >= 0 && (bits & ~TYPE_MASK) === 0;
  if (!known || (bits & (STATUS | END_OF_GROUP)) === (STATUS | END_OF_GROUP)) {
    throw protocolViolation(`datagram type ${type} is invalid`);
  }
  return bits;
}

function readProperties(reader: Reader): Uint8Array {
  const properties = reader.lengthPrefixed(reader.remaining, 'object properties');
  if (properties.length === 0) throw protocolViolation('datagram announces properties and has none');
  return properties;
}
