import { compareLocations, type Location } from '../model/location.js';
import type { FetchRange } from './contract.js';

/** Where a range starts; null if that follows from a subscription. */
export function startOf(range: FetchRange): Location | null {
  if (range.kind === 'standalone') return range.start;
  return range.kind === 'absolute-joining' ? { group: range.startGroup, object: 0 } : null;
}

/** Whether `end` is before `start`; object 0 of an end stands for the whole group (draft-18 §10.12.1). */
export function isBackwards(start: Location, end: Location): boolean {
  return end.object === 0 ? end.group < start.group : compareLocations(end, start) < 0;
}
