import type { FullTrackName } from '@higgins/protocol';
import type { ContentFormat } from '@higgins/signals';
import { nameToHex } from './hex.js';
import { elapsedMs, type Moment } from './moment.js';
import { decodeRecord, encodeRecord } from './record.js';
import { corrupt, RecordFields } from './record-fields.js';
import type { Place } from './track-order.js';

/** What is held of a track: bytes that passed every check, and until when they count. */
export interface HeldTrack {
  readonly name: FullTrackName;
  readonly place: Place;
  readonly content: HeldContent;
  readonly format: ContentFormat;
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
const CONTENT_FORMATS: readonly ContentFormat[] = ['cbor', 'msgpack', 'json'];

/** Encodes what is held, with the clocks that its deadline has to be read by. */
export function encodeHeld(held: HeldTrack, now: Moment): Uint8Array {
  const { content } = held;
  return encodeRecord({
    header: {
      format: FORMAT,
      track: nameToHex(held.name),
      group: held.place.group,
      object: held.place.object,
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
  const fields = new RecordFields(header, FORMAT);
  const ttlMs = fields.finite('ttlMs');
  const elapsed = elapsedMs(fields.moment('written'), now);
  // A deadline is never further off than the TTL, whatever the file says.
  const remainingMs = elapsed === null ? 0 : Math.min(fields.finite('remainingMs') - elapsed, ttlMs);
  return {
    name: fields.track('track'),
    place: { group: fields.integer('group'), object: fields.integer('object') },
    content: contentOf(fields.raw('keys'), blobs),
    format: fields.oneOf('contentFormat', CONTENT_FORMATS),
    writerId: fields.text('writerId'),
    ttlMs,
    publishMs: fields.nullable('publishMs', () => fields.finite('publishMs')),
    deadlineBootMs: now.bootMs + remainingMs,
  };
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
