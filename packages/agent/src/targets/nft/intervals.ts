import { type PrefixSet, rangesOf } from '@higgins/ipdata';

/**
 * Addresses of one family as the kernel wants them: first and last address of each interval, in network byte order,
 * ascending, disjoint and not adjacent. The array is shared and read-only.
 */
export interface Intervals {
  readonly keyBytes: 4 | 16;
  readonly count: number;
  readonly keys: Uint8Array;
}

/** What turns one set of intervals into another. */
export interface IntervalDiff {
  readonly removed: Intervals;
  readonly added: Intervals;
}

/** The addresses of a prefix set; overlapping and adjacent prefixes become one interval. */
export function intervalsOf(set: PrefixSet): Intervals {
  const ranges = rangesOf(set);
  const words = set.family === 4 ? 1 : 4;
  const keys = new Uint8Array(ranges.size * words * 8);
  const view = new DataView(keys.buffer);
  for (let index = 0; index < ranges.size; index++) {
    for (let word = 0; word < words; word++) {
      view.setUint32((index * 2 * words + word) * 4, ranges.starts[index * words + word]!);
      view.setUint32((index * 2 * words + words + word) * 4, ranges.ends[index * words + word]!);
    }
  }
  return { keyBytes: set.family === 4 ? 4 : 16, count: ranges.size, keys };
}

/** Wraps keys that are already packed. */
export function packedIntervals(keyBytes: 4 | 16, keys: Uint8Array): Intervals {
  return { keyBytes, count: keys.length / (2 * keyBytes), keys };
}

/** The intervals that stand in only one of both, in time linear to their number. */
export function diffIntervals(before: Intervals, after: Intervals): IntervalDiff {
  const removed = new Picker(before);
  const added = new Picker(after);
  let left = 0;
  let right = 0;
  while (left < before.count || right < after.count) {
    const order = left === before.count ? 1 : right === after.count ? -1 : compareAt(before, left, after, right);
    if (order < 0) removed.pick(left++);
    else if (order > 0) added.pick(right++);
    else {
      left++;
      right++;
    }
  }
  return { removed: removed.done(), added: added.done() };
}

/** Whether both hold the same addresses. */
export function sameIntervals(a: Intervals, b: Intervals): boolean {
  return a.count === b.count && (a.count === 0 || Buffer.compare(a.keys, b.keys) === 0);
}

/** Consecutive parts of at most `countMax` intervals. */
export function chunksOf(intervals: Intervals, countMax: number): Intervals[] {
  const chunks: Intervals[] = [];
  const entryBytes = intervals.keyBytes * 2;
  for (let from = 0; from < intervals.count; from += countMax) {
    const keys = intervals.keys.subarray(from * entryBytes, (from + countMax) * entryBytes);
    chunks.push(packedIntervals(intervals.keyBytes, keys));
  }
  return chunks;
}

// Copies intervals out of a source; a source that is wanted whole is not copied.
class Picker {
  readonly #source: Intervals;
  readonly #picked: number[] = [];

  constructor(source: Intervals) {
    this.#source = source;
  }

  pick(index: number): void {
    this.#picked.push(index);
  }

  done(): Intervals {
    const { keyBytes, keys, count } = this.#source;
    if (this.#picked.length === count) return this.#source;
    const entryBytes = keyBytes * 2;
    const out = new Uint8Array(this.#picked.length * entryBytes);
    this.#picked.forEach((index, position) => {
      out.set(keys.subarray(index * entryBytes, (index + 1) * entryBytes), position * entryBytes);
    });
    return packedIntervals(keyBytes, out);
  }
}

function compareAt(a: Intervals, left: number, b: Intervals, right: number): number {
  const entryBytes = a.keyBytes * 2;
  for (let index = 0; index < entryBytes; index++) {
    const difference = a.keys[left * entryBytes + index]! - b.keys[right * entryBytes + index]!;
    if (difference !== 0) return difference;
  }
  return 0;
}
