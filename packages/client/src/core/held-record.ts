import type { FullTrackName } from '@higgins/protocol';
import { StorageError } from '../errors.js';
import { nameOfHex, nameToHex } from './hex.js';
import { elapsedMs, type Moment, parseMoment } from './moment.js';
import { decodeRecord, encodeRecord } from './record.js';
import type { Place } from './track-order.js';

/** What is held of a track: bytes that passed every check, and until when they count. */
export interface HeldTrack {
  readonly name: FullTrackName;
  readonly place: Place;
  readonly content: HeldContent;
  readonly format: string;
  readonly writerId: string;
  readonly ttlMs: number;
  readonly publishMs: number | null;
  readonly deadlineBootMs: number;
}

/** A state or event track's newest payload (a tombstone included), or a map's entries by their encoded keys. */
export type HeldContent =
  | { readonly kind: 'payload'; readonly payload: Uint8Array }
  | { readonly kind: 'map'; readonly entries: ReadonlyMap<string, Uint8Array> };

const FORMAT = 1;

/** Encodes what is held, with the clocks that its deadline has to be read by. */
export function encodeHeld(held: HeldTrack, now: Moment): Uint8Array {
  const { content } = held;
  return encodeRecord({
    header: {
      format: FORMAT,
      track: nameToHex(held.name),
      place: held.place,
      contentFormat: held.format,
      writerId: held.writerId,
      ttlMs: held.ttlMs,
      publishMs: held.publishMs,
      remainingMs: held.deadlineBootMs - now.bootMs,
      written: now,
      keys: content.kind === 'map' ? [...content.entries.keys()] : null,
    },
    blobs: content.kind === 'map' ? [...content.entries.values()] : [content.payload],
  });
}

/**
 * Reads a value back: the remaining TTL goes on where it was. Within one boot the boot clock counts, across boots the
 * wall clock; if that went backwards the value is expired. Throws StorageError `corrupt`.
 */
export function decodeHeld(bytes: Uint8Array, now: Moment): HeldTrack {
  const { header, blobs } = decodeRecord(bytes);
  if (typeof header !== 'object' || header === null) throw corrupt('header');
  const fields = header as Record<string, unknown>;
  if (fields['format'] !== FORMAT) throw corrupt('format');
  const ttlMs = finite(fields, 'ttlMs');
  const written = parseMoment(fields['written']);
  if (written === null) throw corrupt('written');
  const elapsed = elapsedMs(written, now);
  // A deadline is never further off than the TTL, whatever the file says.
  const remainingMs = elapsed === null ? 0 : Math.min(finite(fields, 'remainingMs') - elapsed, ttlMs);
  const name = nameOfHex(fields['track']);
  if (name === null) throw corrupt('track');
  return {
    name,
    place: placeOf(fields['place']),
    content: contentOf(fields['keys'], blobs),
    format: text(fields, 'contentFormat'),
    writerId: text(fields, 'writerId'),
    ttlMs,
    publishMs: fields['publishMs'] === null ? null : finite(fields, 'publishMs'),
    deadlineBootMs: now.bootMs + remainingMs,
  };
}

function placeOf(value: unknown): Place {
  if (typeof value !== 'object' || value === null) throw corrupt('place');
  const fields = value as Record<string, unknown>;
  return { group: finite(fields, 'group'), object: finite(fields, 'object') };
}

function contentOf(keys: unknown, blobs: readonly Uint8Array[]): HeldContent {
  if (keys === null) {
    const [payload] = blobs;
    if (payload === undefined || blobs.length !== 1) throw corrupt('payload');
    return { kind: 'payload', payload };
  }
  if (!Array.isArray(keys) || keys.length !== blobs.length) throw corrupt('keys');
  const entries = new Map<string, Uint8Array>();
  keys.forEach((key: unknown, index) => {
    const blob = blobs[index];
    if (typeof key !== 'string' || blob === undefined) throw corrupt('keys');
    entries.set(key, blob);
  });
  return { kind: 'map', entries };
}

function finite(fields: Record<string, unknown>, key: string): number {
  const value = fields[key];
  if (typeof value !== 'number' || !Number.isFinite(value)) throw corrupt(key);
  return value;
}

function text(fields: Record<string, unknown>, key: string): string {
  const value = fields[key];
  if (typeof value !== 'string') throw corrupt(key);
  return value;
}

function corrupt(field: string): StorageError {
  return new StorageError('corrupt', `${field} of the record is not what this version writes`);
}
