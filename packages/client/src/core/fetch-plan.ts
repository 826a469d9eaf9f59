import { compareLocations, type GroupOrder, type Location, VI64_MAX } from '@higgins/protocol';
import type { WrittenGroup, WrittenObject } from './track-writer.js';

/** What a FETCH is answered with: objects, and stretches that the publisher no longer has. */
export type FetchPart =
  | { readonly kind: 'object'; readonly group: number; readonly object: WrittenObject }
  | { readonly kind: 'unknown'; readonly end: Location };

export interface FetchPlan {
  /** End Location of FETCH_OK, as on the wire: the last object plus 1, object 0 for the whole group. */
  readonly end: Location;
  readonly parts: readonly FetchPart[];
}

/**
 * Answers a range from the groups at hand, oldest first. What lies before them was published once and is unknown now;
 * it is said so, since a silent gap would mean that it never existed (draft-18 §10.12.3).
 *
 * Null if nothing was published, or the range starts beyond what was: INVALID_RANGE.
 */
export function planFetch(
  groups: readonly WrittenGroup[],
  start: Location,
  end: Location,
  order: GroupOrder,
): FetchPlan | null {
  const first = groups[0];
  const largest = largestOf(groups);
  if (first === undefined || largest === null || compareLocations(start, largest) > 0) return null;
  const beyond = isBefore(largest, end);
  const wireEnd = beyond ? { group: largest.group, object: Number(largest.object) + 1 } : end;
  const objects = groups.flatMap((group) => partsOf(group, start, end));
  const unknownBefore = compareLocations(start, { group: first.group, object: 0 }) < 0;
  if (order === 'descending') {
    const parts = groups.toReversed().flatMap((group) => partsOf(group, start, end));
    return { end: wireEnd, parts: unknownBefore ? [...parts, { kind: 'unknown', end: start }] : parts };
  }
  if (!unknownBefore) return { end: wireEnd, parts: objects };
  return { end: wireEnd, parts: [{ kind: 'unknown', end: lastBefore(first, end) }, ...objects] };
}

/** The Largest Location of these groups, oldest first; null if there is no object. */
export function largestOf(groups: readonly WrittenGroup[]): Location | null {
  const newest = groups.at(-1);
  return newest === undefined ? null : { group: newest.group, object: newest.objects.length - 1 };
}

function partsOf(group: WrittenGroup, start: Location, end: Location): FetchPart[] {
  return group.objects
    .filter(({ object }) => {
      const location = { group: group.group, object };
      return compareLocations(location, start) >= 0 && isBefore(location, end);
    })
    .map((object) => ({ kind: 'object', group: group.group, object }));
}

// `end` as on the wire: exclusive, but object 0 includes its whole group.
function isBefore(location: Location, end: Location): boolean {
  if (location.group !== end.group) return location.group < end.group;
  return end.object === 0 || location.object < end.object;
}

// The last location before the first group at hand, or the end of the range if that comes first.
function lastBefore(first: WrittenGroup, end: Location): Location {
  const before = { group: first.group - 1, object: VI64_MAX };
  if (end.group > before.group) return before;
  if (end.object === 0) return { group: end.group, object: VI64_MAX };
  return { group: end.group, object: typeof end.object === 'number' ? end.object - 1 : end.object - 1n };
}
