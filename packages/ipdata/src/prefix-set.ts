import { AddressError } from './errors.js';
import { formatAddress, formatPrefix, type Prefix, parsePrefix } from './text.js';
import { bitsOf, compareAddresses, type Family, hostBitsAreZero, wordsOf } from './words.js';

/**
 * Prefixes of one family in canonical order: ascending by address, then by length, none twice, no host bits set. They
 * may contain one another. The arrays are shared, never copied: whoever holds a set treats them as read-only.
 */
export interface PrefixSet {
  readonly family: Family;
  readonly size: number;
  /** First addresses, 1 word each for IPv4 and 4 for IPv6, most significant word first. */
  readonly words: Uint32Array;
  /** Bits of the network part, one byte per prefix. */
  readonly lengths: Uint8Array;
}

/** IPv4 and IPv6 prefixes of one list. */
export interface IpSet {
  readonly ipv4: PrefixSet;
  readonly ipv6: PrefixSet;
}

/** A set without members. */
export function emptyPrefixSet(family: Family): PrefixSet {
  return { family, size: 0, words: new Uint32Array(0), lengths: new Uint8Array(0) };
}

/** How `parseIpSet` treats what it is given. */
export interface ParseOptions {
  /** Whether a prefix that stands there twice is an error (the default) or counts once. */
  readonly duplicates?: 'refuse' | 'drop';
  /** Entries accepted; default 1,000,000, which is 17 MB of IPv6. */
  readonly entriesMax?: number;
}

/** Reads prefixes and addresses, one text each. Throws AddressError with the index of the first text refused. */
export function parseIpSet(texts: readonly string[], options: ParseOptions = {}): IpSet {
  const { duplicates = 'refuse', entriesMax = 1_000_000 } = options;
  const builders = { 4: new PrefixSetBuilder(4), 6: new PrefixSetBuilder(6) };
  if (texts.length > entriesMax) {
    throw new AddressError('TOO_MANY', texts[entriesMax]!, `at most ${entriesMax} entries`, entriesMax);
  }
  texts.forEach((text, index) => {
    const prefix = parseAt(text, index);
    builders[prefix.family].add(prefix);
  });
  const set = { ipv4: builders[4].build(), ipv6: builders[6].build() };
  if (duplicates === 'refuse' && set.ipv4.size + set.ipv6.size < texts.length) throw duplicateAmong(texts);
  return set;
}

/** Collects prefixes in any order; `build` sorts them and drops what is there twice. */
export class PrefixSetBuilder {
  readonly family: Family;
  #words: Uint32Array;
  #lengths: Uint8Array;
  #size = 0;

  constructor(family: Family, capacity = 64) {
    this.family = family;
    this.#words = new Uint32Array(capacity * wordsOf(family));
    this.#lengths = new Uint8Array(capacity);
  }

  get size(): number {
    return this.#size;
  }

  /** Copies the prefix; throws AddressError if it is of the other family. */
  add(prefix: Prefix): void {
    if (prefix.family !== this.family) {
      throw new AddressError('FAMILY', formatAddress(prefix.family, prefix.words), `an IPv${this.family} prefix`);
    }
    this.addWords(prefix.words, 0, prefix.length);
  }

  /** Copies the prefix whose first address lies at `offset` (in words); the caller vouches for zero host bits. */
  addWords(words: Uint32Array, offset: number, length: number): void {
    if (this.#size === this.#lengths.length) this.#grow();
    const stride = wordsOf(this.family);
    const target = this.#size * stride;
    for (let index = 0; index < stride; index++) this.#words[target + index] = words[offset + index]!;
    this.#lengths[this.#size++] = length;
  }

  /** The canonical set; the builder must not be used afterwards. */
  build(): PrefixSet {
    const words = this.#words.subarray(0, this.#size * wordsOf(this.family));
    return canonicalPrefixSet(this.family, words, this.#lengths.subarray(0, this.#size));
  }

  #grow(): void {
    const capacity = Math.max(64, this.#lengths.length * 2);
    const words = new Uint32Array(capacity * wordsOf(this.family));
    words.set(this.#words);
    const lengths = new Uint8Array(capacity);
    lengths.set(this.#lengths);
    this.#words = words;
    this.#lengths = lengths;
  }
}

/** Makes a canonical set of prefixes in any order, duplicates allowed; the arrays become the set's if they are in order. */
export function canonicalPrefixSet(family: Family, words: Uint32Array, lengths: Uint8Array): PrefixSet {
  const size = lengths.length;
  if (firstDisorder({ family, size, words, lengths }) < 0) return { family, size, words, lengths };
  const order = Uint32Array.from({ length: size }, (_, index) => index);
  order.sort((a, b) => comparePrefixesAt(words, lengths, family, a, b));
  return copyInOrder(family, words, lengths, order);
}

/** The index of the first prefix that is not after the one before it, or -1 if the set is in canonical order. */
export function firstDisorder(set: PrefixSet): number {
  for (let index = 1; index < set.size; index++) {
    if (comparePrefixesAt(set.words, set.lengths, set.family, index - 1, index) >= 0) return index;
  }
  return -1;
}

/** The index of the first prefix with a length out of range or host bits set, or -1. */
export function firstInvalid(set: PrefixSet): number {
  const stride = wordsOf(set.family);
  for (let index = 0; index < set.size; index++) {
    const length = set.lengths[index]!;
    if (length > bitsOf(set.family) || !hostBitsAreZero(set.words, index * stride, stride, length)) return index;
  }
  return -1;
}

/** The prefix at `index`, copied out. */
export function prefixAt(set: PrefixSet, index: number): Prefix {
  const stride = wordsOf(set.family);
  const words = set.words.slice(index * stride, (index + 1) * stride);
  return { family: set.family, words, length: set.lengths[index]! };
}

/** The canonical text of the prefix at `index`. */
export function formatPrefixAt(set: PrefixSet, index: number): string {
  return `${formatAddress(set.family, set.words, index * wordsOf(set.family))}/${set.lengths[index]}`;
}

/** The canonical texts, in order. */
export function* prefixTexts(set: PrefixSet): Generator<string, void, undefined> {
  for (let index = 0; index < set.size; index++) yield formatPrefixAt(set, index);
}

/** Whether both sets hold the same prefixes. */
export function samePrefixes(a: PrefixSet, b: PrefixSet): boolean {
  return (
    a.family === b.family &&
    a.size === b.size &&
    a.lengths.every((length, index) => length === b.lengths[index]) &&
    a.words.every((word, index) => word === b.words[index])
  );
}

function comparePrefixesAt(words: Uint32Array, lengths: Uint8Array, family: Family, a: number, b: number): number {
  const stride = wordsOf(family);
  return compareAddresses(words, a * stride, words, b * stride, stride) || lengths[a]! - lengths[b]!;
}

function copyInOrder(family: Family, words: Uint32Array, lengths: Uint8Array, order: Uint32Array): PrefixSet {
  const stride = wordsOf(family);
  const sortedWords = new Uint32Array(words.length);
  const sortedLengths = new Uint8Array(lengths.length);
  let size = 0;
  let previous = -1;
  for (const index of order) {
    if (previous >= 0 && comparePrefixesAt(words, lengths, family, previous, index) === 0) continue;
    for (let word = 0; word < stride; word++) sortedWords[size * stride + word] = words[index * stride + word]!;
    sortedLengths[size++] = lengths[index]!;
    previous = index;
  }
  return { family, size, words: sortedWords.subarray(0, size * stride), lengths: sortedLengths.subarray(0, size) };
}

function parseAt(text: string, index: number): Prefix {
  try {
    return parsePrefix(text);
  } catch (error) {
    throw error instanceof AddressError ? error.at(index) : error;
  }
}

// Sorting has shown that there is one; only now is it worth knowing where.
function duplicateAmong(texts: readonly string[]): AddressError {
  const canonical = texts.map((text) => formatPrefix(parsePrefix(text)));
  const seen = new Set<string>();
  const index = canonical.findIndex((text) => seen.size === seen.add(text).size);
  return new AddressError('DUPLICATE', texts[index] ?? '', 'a prefix that is not in the list yet', index);
}
