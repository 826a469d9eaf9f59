import type { StoredValue, Update } from '@higgins/client';
import { formatDuration } from '../duration.js';

/** What is printed of one update. */
export interface Line {
  readonly track: string;
  readonly group: number | null;
  readonly version: number | null;
  readonly freshness: string;
  readonly condition: string;
  readonly ageMs: number | null;
  readonly remainingMs: number | null;
  readonly onExpiry: string | null;
  readonly value: unknown;
  readonly refused: unknown;
}

/** One update of a track as a line; `show` says what of the value is printed. */
export function lineOf<V>(track: string, { current, refused }: Update<V>, show: (value: V) => unknown): Line {
  return {
    track,
    group: current?.group ?? null,
    version: current?.version ?? null,
    freshness: current?.freshness ?? 'none',
    condition: current?.condition ?? 'none',
    ageMs: current?.ageMs ?? null,
    remainingMs: current?.remainingMs ?? null,
    onExpiry: current?.onExpiry ?? null,
    value: shownValue(current, show),
    refused,
  };
}

function shownValue<V>(current: StoredValue<V> | null, show: (value: V) => unknown): unknown {
  if (current === null || current.value === null) return null;
  return show(current.value);
}

/** The line for people: an expired value is said to be one, with what holds in its place. */
export function people(line: Line): string {
  const refused = line.refused === null ? '' : `\n  refused: ${JSON.stringify(line.refused)}`;
  return `${line.track}: ${line.freshness} (${line.condition})${lifeOf(line)}\n  ${JSON.stringify(line.value)}${refused}`;
}

function lifeOf({ freshness, ageMs, remainingMs, onExpiry }: Line): string {
  if (ageMs === null || remainingMs === null) return '';
  const age = `, ${formatDuration(Math.max(0, ageMs))} old`;
  if (freshness === 'expired')
    return `${age}, over for ${formatDuration(Math.max(0, -remainingMs))}: ${onExpiry} holds`;
  return `${age}, ${formatDuration(remainingMs)} left, then ${onExpiry}`;
}
