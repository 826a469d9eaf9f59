import type { FullTrackName } from '@higgins/protocol';
import type { ExpiryMode, SignalRow } from '@higgins/signals';
import { type Condition, conditionOf, type Freshness, freshnessAt, type SourceState } from './core/freshness.js';
import type { HeldTrack } from './core/held-record.js';
import type { TrackContent } from './core/track-content.js';

/** A track's value at one moment: what it is, and how far it can be trusted. */
export interface StoredValue<V> {
  readonly name: FullTrackName;
  /** Null if it was deleted. A value that has expired is still here: `freshness` says so, `onExpiry` what to do then. */
  readonly value: V | null;
  /** True if the newest object is a tombstone. */
  readonly deleted: boolean;
  readonly group: number;
  readonly object: number;
  /** The version inside the value, where its schema has one; equal for a value and its renewals. */
  readonly version: number | null;
  readonly ttlMs: number;
  /** How much of the TTL has passed, in ms; more than `ttlMs` once it has expired. */
  readonly ageMs: number;
  /** How much of it is left, in ms; 0 or less once it has expired. */
  readonly remainingMs: number;
  readonly deadlineBootMs: number;
  /** Publish time on the writer's clock, ms since 1970 UTC; null if the object names none. For people only. */
  readonly publishMs: number | null;
  readonly freshness: Freshness;
  /** Why it is not as fresh as it could be. */
  readonly condition: Condition;
  /** What takes the value's place once it has expired. */
  readonly onExpiry: ExpiryMode;
}

/** The value as it is at `nowBootMs`; null if nothing is held. */
export function storedValue<V>(
  signal: SignalRow,
  held: HeldTrack | null,
  content: TrackContent<V>,
  nowBootMs: number,
  source: SourceState,
): StoredValue<V> | null {
  if (held === null) return null;
  const remainingMs = held.deadlineBootMs - nowBootMs;
  const freshness = freshnessAt(nowBootMs, held.deadlineBootMs, held.ttlMs);
  return {
    name: held.name,
    value: content.value,
    deleted: content.deleted,
    group: held.place.group,
    object: held.place.object,
    version: content.version,
    ttlMs: held.ttlMs,
    ageMs: held.ttlMs - remainingMs,
    remainingMs,
    deadlineBootMs: held.deadlineBootMs,
    publishMs: held.publishMs,
    freshness,
    condition: conditionOf(freshness, source),
    onExpiry: content.expiry ?? signal.onExpiry,
  };
}
