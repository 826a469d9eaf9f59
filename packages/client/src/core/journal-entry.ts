import type { FullTrackName } from '@higgins/protocol';
import type { ContentFormat, Shape } from '@higgins/signals';
import { StorageError } from '../errors.js';
import { nameOfHex, nameToHex } from './hex.js';
import { type Moment, parseMoment } from './moment.js';
import { decodeRecord, encodeRecord } from './record.js';
import type { WrittenGroup } from './track-writer.js';

/** The newest group of one track as the publisher's journal keeps it: enough to send the identical objects again. */
export interface JournalEntry {
  readonly name: FullTrackName;
  readonly signalId: string;
  readonly shape: Shape;
  readonly format: ContentFormat;
  readonly ttlMs: number;
  readonly group: WrittenGroup;
  /** When the newest object was committed. */
  readonly committed: Moment;
  /** When the value was deleted, and how long its tombstone is kept; null if it was not. */
  readonly deleted: Deletion | null;
}

export interface Deletion {
  readonly at: Moment;
  readonly keepMs: number;
}

const FORMAT = 1;

export function encodeJournalEntry(entry: JournalEntry): Uint8Array {
  const { group } = entry;
  return encodeRecord({
    header: {
      format: FORMAT,
      track: nameToHex(entry.name),
      signal: entry.signalId,
      shape: entry.shape,
      contentFormat: entry.format,
      ttlMs: entry.ttlMs,
      group: group.group,
      previousGroup: group.previousGroup,
      committed: entry.committed,
      deleted: entry.deleted,
    },
    blobs: group.objects.flatMap((object) => [object.properties, object.payload]),
  });
}

/** Reads an entry back; byte arrays are views of `bytes`. Throws StorageError `corrupt`. */
export function decodeJournalEntry(bytes: Uint8Array): JournalEntry {
  const { header, blobs } = decodeRecord(bytes);
  if (typeof header !== 'object' || header === null) throw corrupt('header');
  const fields = header as Record<string, unknown>;
  if (fields['format'] !== FORMAT) throw corrupt('format');
  const committed = parseMoment(fields['committed']) ?? fail('committed');
  const group = integer(fields, 'group');
  const previousGroup = fields['previousGroup'] === null ? null : integer(fields, 'previousGroup');
  return {
    name: nameOfHex(fields['track']) ?? fail('track'),
    signalId: typeof fields['signal'] === 'string' ? fields['signal'] : fail('signal'),
    shape: shapeOf(fields['shape']),
    format: formatOf(fields['contentFormat']),
    ttlMs: integer(fields, 'ttlMs'),
    group: { group, previousGroup, objects: objectsOf(blobs) },
    committed,
    deleted: fields['deleted'] === null ? null : deletionOf(fields['deleted']),
  };
}

function objectsOf(blobs: readonly Uint8Array[]): WrittenGroup['objects'] {
  if (blobs.length === 0 || blobs.length % 2 !== 0) throw corrupt('objects');
  return Array.from({ length: blobs.length / 2 }, (_, object) => ({
    object,
    properties: blobs[2 * object] ?? fail('objects'),
    payload: blobs[2 * object + 1] ?? fail('objects'),
  }));
}

function deletionOf(value: unknown): Deletion {
  if (typeof value !== 'object' || value === null) throw corrupt('deleted');
  const fields = value as Record<string, unknown>;
  return { at: parseMoment(fields['at']) ?? fail('deleted'), keepMs: integer(fields, 'keepMs') };
}

function integer(fields: Record<string, unknown>, key: string): number {
  const value = fields[key];
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : fail(key);
}

function shapeOf(value: unknown): Shape {
  return value === 'state' || value === 'map' || value === 'event' ? value : fail('shape');
}

function formatOf(value: unknown): ContentFormat {
  return value === 'cbor' || value === 'msgpack' || value === 'json' ? value : fail('contentFormat');
}

function fail(field: string): never {
  throw corrupt(field);
}

function corrupt(field: string): StorageError {
  return new StorageError('corrupt', `${field} of the record is not what this version writes`);
}

