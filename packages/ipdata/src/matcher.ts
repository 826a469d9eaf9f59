import type { PrefixSet } from './prefix-set.js';
import { rangesOf } from './ranges.js';

// The index over the first 16 bits costs 256 KB per matcher and leaves a handful of ranges to search.
const INDEX_BITS = 16;
const INDEX_ENTRIES = 1 << INDEX_BITS;

/** Answers whether an IPv4 address lies in a set. Immutable; about 256 KB plus 8 bytes per range; allocates nothing. */
export class Ipv4Matcher {
  readonly #starts: Uint32Array;
  readonly #ends: Uint32Array;
  readonly #index: Uint32Array;

  constructor(set: PrefixSet) {
    if (set.family !== 4) throw new TypeError('an Ipv4Matcher needs an IPv4 set');
    const ranges = rangesOf(set);
    this.#starts = ranges.starts;
    this.#ends = ranges.ends;
    this.#index = indexOf(ranges.starts, ranges.size, 1);
  }

  /** `address` as an unsigned 32-bit number. */
  has(address: number): boolean {
    const slot = address >>> (32 - INDEX_BITS);
    let low = this.#index[slot]!;
    let high = this.#index[slot + 1]!;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    return low > 0 && this.#ends[low - 1]! >= address;
  }
}

/** Answers whether an IPv6 address lies in a set. Immutable; about 256 KB plus 32 bytes per range; allocates nothing. */
export class Ipv6Matcher {
  readonly #starts: Uint32Array;
  readonly #ends: Uint32Array;
  readonly #index: Uint32Array;

  constructor(set: PrefixSet) {
    if (set.family !== 6) throw new TypeError('an Ipv6Matcher needs an IPv6 set');
    const ranges = rangesOf(set);
    this.#starts = ranges.starts;
    this.#ends = ranges.ends;
    this.#index = indexOf(ranges.starts, ranges.size, 4);
  }

  /** The address in four words, most significant first, at `offset` words into `address`. */
  has(address: Uint32Array, offset = 0): boolean {
    const slot = address[offset]! >>> (32 - INDEX_BITS);
    let low = this.#index[slot]!;
    let high = this.#index[slot + 1]!;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isAtMost(this.#starts, middle * 4, address, offset)) low = middle + 1;
      else high = middle;
    }
    return low > 0 && isAtMost(address, offset, this.#ends, (low - 1) * 4);
  }
}

// Entry `slot` is the number of ranges that start before the addresses whose first 16 bits are `slot`.
function indexOf(starts: Uint32Array, size: number, stride: number): Uint32Array {
  const index = new Uint32Array(INDEX_ENTRIES + 1);
  let range = 0;
  for (let slot = 0; slot < INDEX_ENTRIES; slot++) {
    while (range < size && starts[range * stride]! >>> (32 - INDEX_BITS) < slot) range++;
    index[slot] = range;
  }
  index[INDEX_ENTRIES] = size;
  return index;
}

function isAtMost(a: Uint32Array, aOffset: number, b: Uint32Array, bOffset: number): boolean {
  if (a[aOffset] !== b[bOffset]) return a[aOffset]! < b[bOffset]!;
  if (a[aOffset + 1] !== b[bOffset + 1]) return a[aOffset + 1]! < b[bOffset + 1]!;
  if (a[aOffset + 2] !== b[bOffset + 2]) return a[aOffset + 2]! < b[bOffset + 2]!;
  return a[aOffset + 3]! <= b[bOffset + 3]!;
}
