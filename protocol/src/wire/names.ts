import { EncodeError, protocolViolation } from '../errors.js';
import { FULL_TRACK_NAME_BYTES_MAX, NAMESPACE_FIELDS_MAX } from '../limits.js';
import type { Location } from '../model/location.js';
import { type FullTrackName, fullTrackName, type TrackNamespace, trackNamespace } from '../model/names.js';
import type { Reader } from './reader.js';
import type { Writer } from './writer.js';

/** Reads a Location (draft-18 §1.4.2). */
export function readLocation(reader: Reader): Location {
  const group = reader.vi64();
  return { group, object: reader.vi64() };
}

/** Writes a Location (draft-18 §1.4.2). */
export function writeLocation(writer: Writer, location: Location): void {
  writer.vi64(location.group);
  writer.vi64(location.object);
}

/** Reads a Track Namespace, prefix or suffix; what breaks the limits of draft-18 §2.4.1 is a PROTOCOL_VIOLATION. */
export function readNamespace(reader: Reader): TrackNamespace {
  const count = reader.vi64();
  if (count > NAMESPACE_FIELDS_MAX) {
    throw protocolViolation(`track namespace has ${count} fields, expected at most ${NAMESPACE_FIELDS_MAX}`);
  }
  const fields: Uint8Array[] = [];
  let room = FULL_TRACK_NAME_BYTES_MAX;
  for (let i = 0; i < Number(count); i++) {
    const field = reader.lengthPrefixed(room, `track namespace field ${i}`);
    if (field.length === 0) throw protocolViolation(`track namespace field ${i} is empty`);
    room -= field.length;
    fields.push(field);
  }
  return trackNamespace(fields);
}

/**
 * `prefix` followed by a suffix that was read; if the whole, with a Track Name of `nameBytes`, breaks the limits of
 * draft-18 §2.4.1, that is a PROTOCOL_VIOLATION.
 */
export function joinedNamespace(prefix: TrackNamespace, suffix: TrackNamespace, nameBytes: number): TrackNamespace {
  const namespace = trackNamespace([...prefix.fields, ...suffix.fields]);
  const bytes = byteCount(namespace) + nameBytes;
  if (namespace.fields.length <= NAMESPACE_FIELDS_MAX && bytes <= FULL_TRACK_NAME_BYTES_MAX) return namespace;
  throw protocolViolation(`prefix and suffix have ${namespace.fields.length} fields and ${bytes} bytes together`);
}

/** Reads a Track Namespace and a Track Name, which may not exceed 4,096 bytes together. */
export function readFullTrackName(reader: Reader): FullTrackName {
  const namespace = readNamespace(reader);
  const room = FULL_TRACK_NAME_BYTES_MAX - byteCount(namespace);
  return fullTrackName(namespace, reader.lengthPrefixed(room, 'track name'));
}

/** Writes a Track Namespace; throws EncodeError if it breaks the limits of draft-18 §2.4.1. */
export function writeNamespace(writer: Writer, namespace: TrackNamespace): void {
  checkNamespace(namespace, 0);
  writer.vi64(namespace.fields.length);
  for (const field of namespace.fields) writer.lengthPrefixed(field);
}

/** Writes a Track Namespace and a Track Name; throws EncodeError if they break the limits of draft-18 §2.4.1. */
export function writeFullTrackName(writer: Writer, name: FullTrackName): void {
  checkNamespace(name.namespace, name.name.length);
  writer.vi64(name.namespace.fields.length);
  for (const field of name.namespace.fields) writer.lengthPrefixed(field);
  writer.lengthPrefixed(name.name);
}

function checkNamespace(namespace: TrackNamespace, nameBytes: number): void {
  const { fields } = namespace;
  if (fields.length > NAMESPACE_FIELDS_MAX) {
    throw new EncodeError(`track namespace has ${fields.length} fields, expected at most ${NAMESPACE_FIELDS_MAX}`);
  }
  const empty = fields.findIndex((field) => field.length === 0);
  if (empty >= 0) throw new EncodeError(`track namespace field ${empty} is empty`);
  const bytes = byteCount(namespace) + nameBytes;
  if (bytes > FULL_TRACK_NAME_BYTES_MAX) {
    throw new EncodeError(`full track name has ${bytes} bytes, expected at most ${FULL_TRACK_NAME_BYTES_MAX}`);
  }
}

function byteCount(namespace: TrackNamespace): number {
  let bytes = 0;
  for (const field of namespace.fields) bytes += field.length;
  return bytes;
}
