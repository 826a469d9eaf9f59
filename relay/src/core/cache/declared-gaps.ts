import { findInteger, type Location, PropertyType, subtract, VI64_MAX, type Vi64 } from '@higgins/protocol';
import type { CachedObject } from './cached-object.js';
import { KnownRanges } from './known-ranges.js';
import type { TrackCache } from './track-cache.js';

/**
 * What the publisher has declared never to exist by PRIOR_GROUP_ID_GAP and PRIOR_OBJECT_ID_GAP (draft-18 §12.8, §12.9).
 * Unlike what the answer to a FETCH leaves out, an object there makes the track malformed.
 */
export class DeclaredGaps {
  readonly #ranges = new KnownRanges();

  /** Whether the object stands where none should, or declares away one that is cached: the track is malformed then. */
  contradicts(object: CachedObject, cache: TrackCache): boolean {
    if (this.#ranges.count > 0 && this.#ranges.at(object) !== null) return true;
    if (object.properties.length === 0) return false;
    const before = priorGroups(object);
    if (before !== null) {
      const known = cache.group(object.group)?.priorGroupGap ?? null;
      if (known !== null && known !== findInteger(object.properties, PropertyType.PRIOR_GROUP_ID_GAP)) return true;
    }
    for (const gap of [before, priorObjects(object)]) {
      const next = gap === null ? null : cache.next(gap.start);
      if (gap !== null && next !== null && isWithin(next, gap.end)) return true;
    }
    return false;
  }

  /** Takes over what a cached object declares. */
  note(object: CachedObject, cache: TrackCache): void {
    if (object.properties.length === 0) return;
    const groups = priorGroups(object);
    const group = cache.group(object.group);
    if (groups !== null && group !== null) {
      group.priorGroupGap = findInteger(object.properties, PropertyType.PRIOR_GROUP_ID_GAP);
    }
    for (const gap of [groups, priorObjects(object)]) {
      if (gap === null) continue;
      this.#ranges.add(gap.start, gap.end);
      cache.known.add(gap.start, gap.end);
    }
  }
}

interface Gap {
  readonly start: Location;
  readonly end: Location;
}

// The session has checked that neither gap goes below 0.
function priorGroups({ group, properties }: CachedObject): Gap | null {
  const count = findInteger(properties, PropertyType.PRIOR_GROUP_ID_GAP);
  if (count === null || count === 0) return null;
  const start = { group: subtract(group, count), object: 0 };
  return { start, end: { group: subtract(group, 1), object: VI64_MAX } };
}

function priorObjects({ group, object, properties }: CachedObject): Gap | null {
  const count: Vi64 | null = findInteger(properties, PropertyType.PRIOR_OBJECT_ID_GAP);
  if (count === null || count === 0) return null;
  return { start: { group, object: subtract(object, count) }, end: { group, object: subtract(object, 1) } };
}

function isWithin(object: CachedObject, end: Location): boolean {
  return object.group < end.group || (object.group === end.group && object.object <= end.object);
}
