import type { FullTrackName } from '@higgins/protocol';
import { type ContentFormat, readObjectProperties, type Shape } from '@higgins/signals';
import { nameToHex } from './hex.js';
import { elapsedMs, type Moment } from './moment.js';
import { decodeRecord, encodeRecord } from './record.js';
import { corrupt, RecordFields } from './record-fields.js';
import type { WrittenGroup } from './track-writer.js';

/** The newest group of one track as the publisher's journal keeps it: enough to send the identical objects again. */
export interface JournalEntry {
  readonly name: FullTrackName;
  readonly signalId: string;
  readonly shape: Shape;
  readonly format: ContentFormat;
  readonly ttlMs: number;
  readonly renewalMs: number;
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
const SHAPES: readonly Shape[] = ['state', 'map', 'event'];
const CONTENT_FORMATS: readonly ContentFormat[] = ['cbor', 'msgpack', 'json'];

export function encodeJournalEntry(entry: JournalEntry): Uint8Array {
  const { group, deleted } = entry;
  return encodeRecord({
    header: {
      format: FORMAT,
      track: nameToHex(entry.name),
      signal: entry.signalId,
      shape: entry.shape,
      contentFormat: entry.format,
      ttlMs: entry.ttlMs,
      renewalMs: entry.renewalMs,
      group: group.group,
      previousGroup: group.previousGroup,
      committed: entry.committed,
      deleted: deleted?.at ?? null,
      keepMs: deleted?.keepMs ?? 0,
    },
    blobs: group.objects.flatMap((object) => [object.properties, object.payload]),
  });
}

/**
 * Reads an entry back; byte arrays are views of `bytes`. Objects are as old as they were, and as old as can be if a clock
 * went backwards across boots. Throws StorageError `corrupt`.
 */
export function decodeJournalEntry(bytes: Uint8Array, now: Moment): JournalEntry {
  const { header, blobs } = decodeRecord(bytes);
  const fields = new RecordFields(header, FORMAT);
  const committed = fields.moment('committed');
  const elapsed = elapsedMs(committed, now);
  const newestBootMs = elapsed === null ? Number.NEGATIVE_INFINITY : now.bootMs - elapsed;
  return {
    name: fields.track('track'),
    signalId: fields.text('signal'),
    shape: fields.oneOf('shape', SHAPES),
    format: fields.oneOf('contentFormat', CONTENT_FORMATS),
    ttlMs: fields.finite('ttlMs'),
    renewalMs: fields.finite('renewalMs'),
    group: {
      group: fields.integer('group'),
      previousGroup: fields.nullable('previousGroup', () => fields.integer('previousGroup')),
      objects: objectsOf(blobs, newestBootMs),
    },
    committed,
    deleted: fields.nullable('deleted', () => ({ at: fields.moment('deleted'), keepMs: fields.finite('keepMs') })),
  };
}

/** Publish times within a group are of one clock: they tell how much older than the newest the others are. */
function objectsOf(blobs: readonly Uint8Array[], newestBootMs: number): WrittenGroup['objects'] {
  if (blobs.length === 0 || blobs.length % 2 !== 0) throw corrupt('objects');
  const newestMs = publishTimeOf(blobs[blobs.length - 2]);
  return Array.from({ length: blobs.length / 2 }, (_, object) => {
    const [properties, payload] = [blobs[2 * object], blobs[2 * object + 1]];
    if (properties === undefined || payload === undefined) throw corrupt('objects');
    return { object, properties, payload, fixedBootMs: newestBootMs - (newestMs - publishTimeOf(properties)) };
  });
}

function publishTimeOf(properties: Uint8Array | undefined): number {
  return properties === undefined ? 0 : (readObjectProperties(properties).publishTimeMs ?? 0);
}
