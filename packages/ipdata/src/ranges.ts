import { type PrefixSet, PrefixSetBuilder } from './prefix-set.js';
import {
  bitsOf,
  compareAddresses,
  type Family,
  increment,
  shortestLength,
  wordsOf,
  writeLastAddress,
} from './words.js';

/**
 * Addresses of one family as ranges, both ends included, ascending, with at least one address between any two. The
 * arrays are shared and read-only, as in a PrefixSet.
 */
export interface RangeSet {
  readonly family: Family;
  readonly size: number;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

/** The addresses of `set` as the fewest ranges: overlapping and adjacent prefixes become one. */
export function rangesOf(set: PrefixSet): RangeSet {
  const stride = wordsOf(set.family);
  const starts = new Uint32Array(set.words.length);
  const ends = new Uint32Array(set.words.length);
  const last = new Uint32Array(stride);
  let size = 0;
  for (let index = 0; index < set.size; index++) {
    const from = index * stride;
    writeLastAddress(set.words, from, set.lengths[index]!, last, 0, stride);
    const current = (size - 1) * stride;
    if (size > 0 && touches(ends, current, set.words, from, stride)) {
      if (compareAddresses(last, 0, ends, current, stride) > 0) ends.set(last, current);
      continue;
    }
    starts.set(set.words.subarray(from, from + stride), size * stride);
    ends.set(last, size * stride);
    size++;
  }
  return { family: set.family, size, starts: starts.slice(0, size * stride), ends: ends.slice(0, size * stride) };
}

/** The fewest prefixes that cover exactly the addresses of `ranges`. */
export function prefixesOfRanges(ranges: RangeSet): PrefixSet {
  const stride = wordsOf(ranges.family);
  const prefixes = new PrefixSetBuilder(ranges.family, ranges.size);
  for (let index = 0; index < ranges.size; index++) splitRange(ranges, index * stride, stride, prefixes);
  return prefixes.build();
}

// Whether `start` lies in the range that ends at `end`, or right behind it.
function touches(ends: Uint32Array, end: number, starts: Uint32Array, start: number, stride: number): boolean {
  if (compareAddresses(starts, start, ends, end, stride) <= 0) return true;
  const after = ends.slice(end, end + stride);
  return increment(after, 0, stride) && compareAddresses(after, 0, starts, start, stride) === 0;
}

function splitRange(ranges: RangeSet, offset: number, stride: number, prefixes: PrefixSetBuilder): void {
  const start = ranges.starts.slice(offset, offset + stride);
  const last = new Uint32Array(stride);
  for (;;) {
    const length = widestLength(start, ranges.ends, offset, stride, last, ranges.family);
    prefixes.addWords(start, 0, length);
    if (compareAddresses(last, 0, ranges.ends, offset, stride) === 0) return;
    start.set(last);
    increment(start, 0, stride);
  }
}

// The widest prefix that begins at `start` and does not reach past the end; leaves its last address in `last`.
function widestLength(
  start: Uint32Array,
  ends: Uint32Array,
  end: number,
  stride: number,
  last: Uint32Array,
  family: Family,
): number {
  let length = shortestLength(start, 0, stride);
  for (; length < bitsOf(family); length++) {
    writeLastAddress(start, 0, length, last, 0, stride);
    if (compareAddresses(last, 0, ends, end, stride) <= 0) return length;
  }
  last.set(start);
  return length;
}
