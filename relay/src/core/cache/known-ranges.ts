import { compareLocations, type Location, VI64_MAX, type Vi64 } from '@higgins/protocol';
import { after, before } from '../locations.js';

/**
 * Ranges kept per track, about 150 bytes each. A track whose gaps make more loses what is known of its oldest Locations,
 * which then count as unknown.
 */
const RANGES_MAX = 4096;

/** From `start` to `end`, both included. */
export interface LocationRange {
  start: Location;
  end: Location;
}

/**
 * The Locations of a track whose status is known: what is not in the cache there does not exist. All others are
 * unknown. Kept as disjoint ranges in ascending order; ranges that touch are one.
 */
export class KnownRanges {
  readonly #ranges: LocationRange[] = [];

  get count(): number {
    return this.#ranges.length;
  }

  /** Makes `start` to `end` known. */
  add(start: Location, end: Location): void {
    if (compareLocations(start, end) > 0) return;
    const ranges = this.#ranges;
    // From the first range that touches or follows `start` to the last that touches or precedes `end`.
    const first = this.#firstEndingAtOrAfter(before(start));
    const behind = after(end);
    let stop = first;
    while (stop < ranges.length && compareLocations(ranges[stop]!.start, behind) <= 0) stop++;
    if (first === stop) {
      ranges.splice(first, 0, { start, end });
      if (ranges.length > RANGES_MAX) ranges.shift();
      return;
    }
    const merged = ranges[first]!;
    const last = ranges[stop - 1]!;
    if (compareLocations(start, merged.start) < 0) merged.start = start;
    merged.end = compareLocations(end, last.end) > 0 ? end : last.end;
    if (stop - first > 1) ranges.splice(first + 1, stop - first - 1);
  }

  /** Makes every Location of a group unknown. */
  removeGroup(group: Vi64): void {
    const start: Location = { group, object: 0 };
    const end: Location = { group, object: VI64_MAX };
    const ranges = this.#ranges;
    const first = this.#firstEndingAtOrAfter(start);
    let stop = first;
    const rest: LocationRange[] = [];
    while (stop < ranges.length && compareLocations(ranges[stop]!.start, end) <= 0) {
      const range = ranges[stop]!;
      if (compareLocations(range.start, start) < 0) rest.push({ start: range.start, end: before(start) });
      if (compareLocations(range.end, end) > 0) rest.push({ start: after(end), end: range.end });
      stop++;
    }
    if (stop > first) ranges.splice(first, stop - first, ...rest);
  }

  /** The known range that holds `location`, or null. */
  at(location: Location): Readonly<LocationRange> | null {
    const range = this.#ranges[this.#firstEndingAtOrAfter(location)];
    return range !== undefined && compareLocations(range.start, location) <= 0 ? range : null;
  }

  /** The first known range that starts after `location`, or null. */
  nextAfter(location: Location): Readonly<LocationRange> | null {
    for (let index = this.#firstEndingAtOrAfter(location); index < this.#ranges.length; index++) {
      const range = this.#ranges[index]!;
      if (compareLocations(range.start, location) > 0) return range;
    }
    return null;
  }

  /** Whether all of `start` to `end` is known. */
  covers(start: Location, end: Location): boolean {
    const range = this.at(start);
    return range !== null && compareLocations(range.end, end) >= 0;
  }

  #firstEndingAtOrAfter(location: Location): number {
    const ranges = this.#ranges;
    let low = 0;
    let high = ranges.length;
    // Almost every change is at the live edge.
    if (high > 0 && compareLocations(ranges[high - 1]!.end, location) < 0) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareLocations(ranges[middle]!.end, location) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
