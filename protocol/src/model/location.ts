import { add, type Vi64 } from './vi64.js';

/** The place of an Object in its Track (draft-18 §1.4.2). */
export interface Location {
  readonly group: Vi64;
  readonly object: Vi64;
}

/** Negative if `a` comes first, 0 if equal, positive if `b` comes first. */
export function compareLocations(a: Location, b: Location): number {
  if (a.group !== b.group) return a.group < b.group ? -1 : 1;
  if (a.object !== b.object) return a.object < b.object ? -1 : 1;
  return 0;
}

/** The Location of the next Object of the same Group. */
export function nextObject(location: Location): Location {
  return { group: location.group, object: add(location.object, 1) };
}
