import { compareLocations, type GroupOrder, type Location, VI64_MAX } from '@higgins/protocol';
import type { TrackCache } from '../cache/track-cache.js';
import { after, before, earlier } from '../locations.js';

/** A stretch of the answer to a FETCH, walked through in ascending order. `absent`: nothing of it is cached. */
export interface FetchSegment {
  readonly start: Location;
  readonly end: Location;
  readonly absent: boolean;
}

/** The stretches of a range in the order in which they are sent (draft-18 §10.12.3). */
export function segmentsOf(cache: TrackCache, start: Location, end: Location, order: GroupOrder): FetchSegment[] {
  return order === 'ascending' ? [{ start, end, absent: false }] : descending(cache, start, end);
}

/** Groups from the newest to the oldest, and the stretches between them. */
function descending({ groups }: TrackCache, start: Location, end: Location): FetchSegment[] {
  const segments: FetchSegment[] = [];
  let upper = end;
  for (let index = groups.length - 1; index >= 0; index--) {
    const { group } = groups[index]!;
    if (group > upper.group) continue;
    if (group < start.group) break;
    const groupEnd = earlier(upper, { group, object: VI64_MAX });
    if (compareLocations(groupEnd, upper) < 0) segments.push({ start: after(groupEnd), end: upper, absent: true });
    const groupStart = group === start.group ? start : { group, object: 0 };
    segments.push({ start: groupStart, end: groupEnd, absent: false });
    if (compareLocations(groupStart, start) <= 0) return segments;
    upper = before(groupStart);
  }
  segments.push({ start, end: upper, absent: true });
  return segments;
}
