import { type PrefixSet, PrefixSetBuilder } from './prefix-set.js';
import { prefixesOfRanges, rangesOf } from './ranges.js';
import { compareAddresses, wordsOf } from './words.js';

/** What turns one set into another. */
export interface PrefixSetDiff {
  readonly added: PrefixSet;
  readonly removed: PrefixSet;
}

/** The fewest prefixes that cover exactly the addresses of `set`. */
export function aggregate(set: PrefixSet): PrefixSet {
  return prefixesOfRanges(rangesOf(set));
}

/**
 * The prefixes that only `after` has, and those that only `before` has, compared as prefixes, not as addresses; both sets
 * must be of one family. Linear in their sizes.
 */
export function diff(before: PrefixSet, after: PrefixSet): PrefixSetDiff {
  const added = new PrefixSetBuilder(after.family);
  const removed = new PrefixSetBuilder(before.family);
  merge(before, after, (set, index, inBoth) => {
    if (!inBoth) copyTo(set === before ? removed : added, set, index);
  });
  return { added: added.build(), removed: removed.build() };
}

/** The prefixes of both sets, each once; both must be of one family. */
export function union(a: PrefixSet, b: PrefixSet): PrefixSet {
  if (a.size === 0) return b;
  if (b.size === 0) return a;
  const all = new PrefixSetBuilder(a.family, a.size + b.size);
  merge(a, b, (set, index) => copyTo(all, set, index));
  return all.build();
}

/** `before` with the difference applied: `added` put in and `removed` taken out. */
export function applyDiff(before: PrefixSet, change: PrefixSetDiff): PrefixSet {
  const kept = diff(change.removed, before).added;
  return union(kept, change.added);
}

// Walks both sets in order; what stands in both is visited once.
function merge(a: PrefixSet, b: PrefixSet, visit: (set: PrefixSet, index: number, inBoth: boolean) => void): void {
  let left = 0;
  let right = 0;
  while (left < a.size || right < b.size) {
    const order = left === a.size ? 1 : right === b.size ? -1 : comparePrefixes(a, left, b, right);
    if (order <= 0) visit(a, left, order === 0);
    else visit(b, right, false);
    if (order <= 0) left++;
    if (order >= 0) right++;
  }
}

function comparePrefixes(a: PrefixSet, left: number, b: PrefixSet, right: number): number {
  const stride = wordsOf(a.family);
  return (
    compareAddresses(a.words, left * stride, b.words, right * stride, stride) || a.lengths[left]! - b.lengths[right]!
  );
}

function copyTo(builder: PrefixSetBuilder, set: PrefixSet, index: number): void {
  builder.addWords(set.words, index * wordsOf(set.family), set.lengths[index]!);
}
