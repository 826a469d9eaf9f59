import { MalformedTrackError, protocolViolation, SessionError } from '../errors.js';
import type { Vi64 } from '../model/vi64.js';
import { KeyValueWalker, truncatedPair } from '../wire/key-value.js';
import { MANDATORY_TRACK_PROPERTY_MAX, MANDATORY_TRACK_PROPERTY_MIN, PropertyType } from './property-types.js';

const outer = new KeyValueWalker(new Uint8Array(0));
const inner = new KeyValueWalker(new Uint8Array(0));

/**
 * Checks the encoded properties of the Object at {`group`, `object`} (draft-18 §2.5.1, §12.7–12.9). Throws
 * MalformedTrackError for what makes the track malformed, SessionError for what ends the session.
 */
export function checkObjectProperties(bytes: Uint8Array, group: Vi64, object: Vi64): void {
  if (bytes.length === 0) return;
  const seen: Seen = { immutable: false, groupGap: false, objectGap: false };
  outer.reset(bytes, 0, bytes.length);
  while (outer.next()) {
    checkObjectProperty(outer, seen, group, object);
    if (outer.type !== PropertyType.IMMUTABLE_PROPERTIES) continue;
    if (seen.immutable) throw new MalformedTrackError('object has immutable properties twice');
    seen.immutable = true;
    checkImmutable(bytes, outer.valueStart, outer.valueEnd, seen, group, object);
  }
  if (outer.truncated) throw new MalformedTrackError('object properties run past their end');
}

/**
 * Checks encoded Track Properties (draft-18 §12). Throws SessionError: PROTOCOL_VIOLATION for values that the draft
 * forbids, KEY_VALUE_FORMATTING_ERROR for pairs that run past the end.
 */
export function checkTrackProperties(bytes: Uint8Array): void {
  outer.reset(bytes, 0, bytes.length);
  while (outer.next()) {
    checkTrackProperty(outer);
    if (outer.type !== PropertyType.IMMUTABLE_PROPERTIES) continue;
    inner.reset(bytes, outer.valueStart, outer.valueEnd);
    while (inner.next()) checkTrackProperty(inner);
    if (inner.truncated) throw truncatedPair(inner.pairStart);
  }
  if (outer.truncated) throw truncatedPair(outer.pairStart);
}

/**
 * The first Mandatory Track Property that `understood` does not hold, or null (draft-18 §2.5.1): a track that has one
 * must not be processed or forwarded. `bytes` have passed `checkTrackProperties`.
 */
export function unknownMandatoryProperty(bytes: Uint8Array, understood: ReadonlySet<number>): number | null {
  outer.reset(bytes, 0, bytes.length);
  while (outer.next()) {
    if (isUnknownMandatory(outer.type, understood)) return Number(outer.type);
    if (outer.type !== PropertyType.IMMUTABLE_PROPERTIES) continue;
    inner.reset(bytes, outer.valueStart, outer.valueEnd);
    while (inner.next()) if (isUnknownMandatory(inner.type, understood)) return Number(inner.type);
  }
  return null;
}

interface Seen {
  immutable: boolean;
  groupGap: boolean;
  objectGap: boolean;
}

function checkImmutable(bytes: Uint8Array, start: number, end: number, seen: Seen, group: Vi64, object: Vi64): void {
  inner.reset(bytes, start, end);
  try {
    while (inner.next()) {
      checkObjectProperty(inner, seen, group, object);
      if (inner.type === PropertyType.IMMUTABLE_PROPERTIES) {
        throw new MalformedTrackError('immutable properties hold immutable properties');
      }
    }
  } catch (error) {
    // A pair inside that cannot be parsed makes the track malformed; the relay only looked at it because it may.
    if (error instanceof SessionError) throw new MalformedTrackError(error.message, { cause: error });
    throw error;
  }
  if (inner.truncated) throw new MalformedTrackError('immutable properties run past their end');
}

function checkObjectProperty(pair: KeyValueWalker, seen: Seen, group: Vi64, object: Vi64): void {
  if (pair.type === PropertyType.PRIOR_GROUP_ID_GAP) {
    if (seen.groupGap) throw new MalformedTrackError('object has a prior group id gap twice');
    seen.groupGap = true;
    if (pair.integer! > group)
      throw new MalformedTrackError(`prior group id gap ${pair.integer} exceeds group ${group}`);
  } else if (pair.type === PropertyType.PRIOR_OBJECT_ID_GAP) {
    if (seen.objectGap) throw new MalformedTrackError('object has a prior object id gap twice');
    seen.objectGap = true;
    if (pair.integer! > object) {
      throw new MalformedTrackError(`prior object id gap ${pair.integer} exceeds object ${object}`);
    }
  } else if (isMandatory(pair.type)) {
    throw new MalformedTrackError(`object has mandatory track property ${pair.type}`);
  }
}

function checkTrackProperty(pair: KeyValueWalker): void {
  const value = pair.integer;
  if (value === null) return;
  if (pair.type === PropertyType.DEFAULT_PUBLISHER_PRIORITY && value > 255) {
    throw protocolViolation(`default publisher priority is ${value}, expected 0 to 255`);
  }
  if (pair.type === PropertyType.DEFAULT_PUBLISHER_GROUP_ORDER && value !== 1 && value !== 2) {
    throw protocolViolation(`default publisher group order is ${value}, expected 1 or 2`);
  }
  if (pair.type === PropertyType.DYNAMIC_GROUPS && value > 1) {
    throw protocolViolation(`dynamic groups is ${value}, expected 0 or 1`);
  }
}

function isUnknownMandatory(type: Vi64, understood: ReadonlySet<number>): boolean {
  return isMandatory(type) && !understood.has(Number(type));
}

function isMandatory(type: Vi64): boolean {
  return type >= MANDATORY_TRACK_PROPERTY_MIN && type <= MANDATORY_TRACK_PROPERTY_MAX;
}
