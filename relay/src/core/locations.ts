import { add, compareLocations, type Location, subtract, VI64_MAX } from '@higgins/protocol';

/** The first Location of every track. */
export const FIRST_LOCATION: Location = { group: 0, object: 0 };

/** Comes before every Location, and is none itself. */
export const BEFORE_ALL: Location = { group: 0, object: -1 };

/** The last Location that can be written. */
export const LAST_LOCATION: Location = { group: VI64_MAX, object: VI64_MAX };

/** The Location right after `location` in ascending order, across groups; itself if it is the last one. */
export function after(location: Location): Location {
  if (location.object !== VI64_MAX) return { group: location.group, object: add(location.object, 1) };
  if (location.group === VI64_MAX) return location;
  return { group: add(location.group, 1), object: 0 };
}

/** The Location right before `location` in ascending order, across groups; itself if it is the first one. */
export function before(location: Location): Location {
  if (location.object !== 0) return { group: location.group, object: subtract(location.object, 1) };
  if (location.group === 0) return location;
  return { group: subtract(location.group, 1), object: VI64_MAX };
}

/** An end as FETCH and FETCH_OK carry it (the last object plus 1, object 0 for the whole group), as the last Location. */
export function inclusiveEnd(end: Location): Location {
  return { group: end.group, object: end.object === 0 ? VI64_MAX : subtract(end.object, 1) };
}

/** The inverse of `inclusiveEnd`. */
export function wireEnd(last: Location): Location {
  return { group: last.group, object: last.object === VI64_MAX ? 0 : add(last.object, 1) };
}

export function earlier(a: Location, b: Location): Location {
  return compareLocations(a, b) <= 0 ? a : b;
}

export function later(a: Location, b: Location): Location {
  return compareLocations(a, b) >= 0 ? a : b;
}

/** The larger of two, where null is smaller than everything. */
export function laterOrNull(a: Location | null, b: Location | null): Location | null {
  if (a === null) return b;
  return b === null ? a : later(a, b);
}
