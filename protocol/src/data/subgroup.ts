import { EncodeError, protocolViolation } from '../errors.js';
import type { ObjectStatus, SubgroupHeader } from '../model/objects.js';
import { add, subtract, VI64_MAX, type Vi64 } from '../model/vi64.js';
import type { PartialReader } from '../wire/reader.js';
import { vi64Size, writeVi64 } from '../wire/vi64.js';
import { statusCode } from './object-status.js';
import { isSubgroupType } from './stream-types.js';

// SUBGROUP_HEADER types are 0x10 with these bits (draft-18 §11.4.2).
const BASE = 0x10;
const PROPERTIES = 0x01;
const MODE_MASK = 0x06;
const MODE_ZERO = 0x00;
const MODE_FIRST_OBJECT = 0x02;
const MODE_PRESENT = 0x04;
const END_OF_GROUP = 0x08;
const DEFAULT_PRIORITY = 0x20;
const FIRST_OBJECT = 0x40;

/** One Object as it stands on a subgroup stream. `properties` are encoded Key-Value-Pairs; empty if none. */
export interface SubgroupObject {
  /** The Object ID for the first Object of a stream, else what `objectIdDelta` says. */
  readonly delta: Vi64;
  readonly properties: Uint8Array;
  /** As in the stream's header. */
  readonly hasProperties: boolean;
  readonly status: ObjectStatus;
  readonly payload: Uint8Array;
}

/** The Object ID Delta of `object` after `previous`, null at the start of a stream; throws EncodeError if it is not above. */
export function objectIdDelta(previous: Vi64 | null, object: Vi64): Vi64 {
  if (previous === null) return object;
  if (object <= previous) throw new EncodeError(`object ${object} follows object ${previous}, expected a larger id`);
  return subtract(object, add(previous, 1));
}

/**
 * Encodes a SUBGROUP_HEADER; the bytes are the caller's own. A `subgroup` of null leaves it to the first Object, one of
 * 0 takes no room. Throws EncodeError.
 */
export function encodeSubgroupHeader(header: SubgroupHeader): Uint8Array {
  const { subgroup, priority } = header;
  const explicit = subgroup !== null && subgroup !== 0;
  const mode = subgroup === null ? MODE_FIRST_OBJECT : explicit ? MODE_PRESENT : MODE_ZERO;
  const subgroupBytes = explicit ? vi64Size(subgroup) : 0;
  const size = 1 + vi64Size(header.trackAlias) + vi64Size(header.group) + subgroupBytes + (priority === null ? 0 : 1);
  const bytes = new Uint8Array(size);
  bytes[0] =
    BASE |
    mode |
    (header.hasProperties ? PROPERTIES : 0) |
    (header.endOfGroup ? END_OF_GROUP : 0) |
    (priority === null ? DEFAULT_PRIORITY : 0) |
    (header.firstObject ? FIRST_OBJECT : 0);
  let position = writeVi64(bytes, 1, header.trackAlias);
  position = writeVi64(bytes, position, header.group);
  if (explicit) position = writeVi64(bytes, position, subgroup);
  if (priority !== null) bytes[position] = checkedPriority(priority);
  return bytes;
}

/** Reads a SUBGROUP_HEADER; what it returns counts only if the reader is not short. Throws PROTOCOL_VIOLATION. */
export function readSubgroupHeader(reader: PartialReader): SubgroupHeader {
  const type = reader.vi64();
  if (reader.short) return NO_HEADER;
  if (!isSubgroupType(type) || (Number(type) & MODE_MASK) === MODE_MASK) {
    throw protocolViolation(`subgroup header type ${type} is invalid`);
  }
  const bits = Number(type);
  const mode = bits & MODE_MASK;
  return {
    trackAlias: reader.vi64(),
    group: reader.vi64(),
    subgroup: mode === MODE_PRESENT ? reader.vi64() : mode === MODE_ZERO ? 0 : null,
    priority: bits & DEFAULT_PRIORITY ? null : reader.uint8(),
    endOfGroup: (bits & END_OF_GROUP) !== 0,
    firstObject: (bits & FIRST_OBJECT) !== 0,
    hasProperties: (bits & PROPERTIES) !== 0,
  };
}

/**
 * Encodes one Object of a subgroup stream in one allocation, ready for every receiver. Throws EncodeError if
 * properties or payload stand where the draft allows none (draft-18 §11.2.1, §11.4.2).
 */
export function encodeSubgroupObject(object: SubgroupObject): Uint8Array {
  checkSendable(object);
  const { properties, payload } = object;
  const length = payload.length;
  const propertiesBytes = object.hasProperties ? vi64Size(properties.length) + properties.length : 0;
  const size = vi64Size(object.delta) + propertiesBytes + vi64Size(length) + (length === 0 ? 1 : length);
  const bytes = new Uint8Array(size);
  let position = writeVi64(bytes, 0, object.delta);
  if (object.hasProperties) {
    position = writeVi64(bytes, position, properties.length);
    bytes.set(properties, position);
    position += properties.length;
  }
  position = writeVi64(bytes, position, length);
  // Status codes fit into one byte.
  if (length === 0) bytes[position] = statusCode(object.status);
  else bytes.set(payload, position);
  return bytes;
}

/** The Object ID that a delta makes (draft-18 §11.4.2); throws PROTOCOL_VIOLATION above 2^64 - 1. */
export function objectIdAfter(previous: Vi64 | null, delta: Vi64): Vi64 {
  if (previous === null) return delta;
  const object = add(add(previous, 1), delta);
  if (object > VI64_MAX) throw protocolViolation(`object id ${object} is above 2^64 - 1`);
  return object;
}

/** Throws EncodeError unless 0 to 255. */
export function checkedPriority(priority: number): number {
  if (Number.isInteger(priority) && priority >= 0 && priority <= 255) return priority;
  throw new EncodeError(`priority is ${priority}, expected 0 to 255`);
}

const NO_HEADER: SubgroupHeader = {
  trackAlias: 0,
  group: 0,
  subgroup: 0,
  priority: 0,
  endOfGroup: false,
  firstObject: false,
  hasProperties: false,
};

function checkSendable({ status, payload, properties, hasProperties }: SubgroupObject): void {
  if (status !== 'normal' && (payload.length > 0 || properties.length > 0)) {
    throw new EncodeError(`object of status ${status} has a payload or properties, expected neither`);
  }
  if (!hasProperties && properties.length > 0) {
    throw new EncodeError('object has properties on a subgroup stream whose header says that there are none');
  }
}
