/**
 * Arithmetic on addresses that lie in a Uint32Array, most significant word first: one word for IPv4, four for IPv6.
 * `offset` counts words. Nothing here allocates.
 */

/** IPv4 or IPv6. */
export type Family = 4 | 6;

/** Words per address: 1 or 4. */
export function wordsOf(family: Family): 1 | 4 {
  return family === 4 ? 1 : 4;
}

/** Bits per address: 32 or 128. */
export function bitsOf(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/** Negative, 0 or positive, as the address `a` is before, at or after the address `b`. */
export function compareAddresses(
  a: Uint32Array,
  aOffset: number,
  b: Uint32Array,
  bOffset: number,
  words: number,
): number {
  for (let index = 0; index < words; index++) {
    const difference = a[aOffset + index]! - b[bOffset + index]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The bits of word `index` that belong to the network part of a prefix with `length` bits. */
export function maskOfWord(length: number, index: number): number {
  const bits = length - index * 32;
  if (bits <= 0) return 0;
  return bits >= 32 ? 0xffff_ffff : (0xffff_ffff << (32 - bits)) >>> 0;
}

/** Whether all bits after the first `length` are zero. */
export function hostBitsAreZero(address: Uint32Array, offset: number, words: number, length: number): boolean {
  for (let index = length >>> 5; index < words; index++) {
    if ((address[offset + index]! & ~maskOfWord(length, index)) !== 0) return false;
  }
  return true;
}

/** Writes the last address of the prefix at `address` into `target`. */
export function writeLastAddress(
  address: Uint32Array,
  offset: number,
  length: number,
  target: Uint32Array,
  targetOffset: number,
  words: number,
): void {
  for (let index = 0; index < words; index++) {
    target[targetOffset + index] = address[offset + index]! | ~maskOfWord(length, index);
  }
}

/** Adds 1 in place; false if that runs over the last address, which leaves all zeros. */
export function increment(address: Uint32Array, offset: number, words: number): boolean {
  for (let index = offset + words - 1; index >= offset; index--) {
    const sum = (address[index]! + 1) >>> 0;
    address[index] = sum;
    if (sum !== 0) return true;
  }
  return false;
}

/** The shortest prefix length at which `address` has no host bits. */
export function shortestLength(address: Uint32Array, offset: number, words: number): number {
  for (let index = words - 1; index >= 0; index--) {
    const word = address[offset + index]!;
    if (word !== 0) return index * 32 + 32 - trailingZeros(word);
  }
  return 0;
}

function trailingZeros(word: number): number {
  return 31 - Math.clz32(word & -word);
}
