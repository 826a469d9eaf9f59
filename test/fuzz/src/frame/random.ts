import { canonical, type Vi64 } from '@higgins/protocol';

/** Integers at which an encoding, or a meaning, changes. */
const EDGES: readonly Vi64[] = [
  ...[1, 2, 3, 4, 31, 32, 33, 63, 64, 127, 128, 255, 256, 1023, 1024, 4095, 4096, 8191, 16_383, 16_384, 65_535, 65_536],
  ...[2 ** 21 - 1, 2 ** 21, 2 ** 28, 2 ** 32 - 1, 2 ** 32, 2 ** 35, 2 ** 42, 2 ** 49, 2 ** 53 - 2, 2 ** 53 - 1],
  ...[2n ** 53n, 2n ** 56n - 1n, 2n ** 56n, 2n ** 62n - 1n, 2n ** 63n, 2n ** 64n - 2n, 2n ** 64n - 1n],
];

/** The draws of one input: sfc32, seeded with the seed of the run and the number of the input. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #count = 1;

  constructor(seed: number, index: number) {
    this.#a = seed | 0;
    this.#b = index | 0;
    this.#c = Math.floor(index / 2 ** 32) ^ 0x9e3779b9;
    for (let i = 0; i < 12; i++) this.uint32();
  }

  /** 0 to 2^32 - 1. */
  uint32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#count) | 0;
    this.#count = (this.#count + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** 0 to `count` - 1. */
  below(count: number): number {
    return this.uint32() % count;
  }

  /** From `from` to `to`, both included. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  /** True once in `times` draws. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(values: readonly T[]): T {
    const value = values[this.below(values.length)];
    if (value === undefined) throw new RangeError('nothing to pick from');
    return value;
  }

  /** Up to `max` bytes, most of them letters, so that names look alike often. */
  bytes(max: number, min = 0): Uint8Array {
    const bytes = new Uint8Array(this.between(min, max));
    const plain = !this.oneIn(4);
    for (let i = 0; i < bytes.length; i++) bytes[i] = plain ? 0x61 + this.below(3) : this.below(256);
    return bytes;
  }

  /** Mostly small, often an edge, sometimes anything of 64 bits. */
  vi64(): Vi64 {
    const kind = this.below(10);
    if (kind < 6) return this.below(10);
    if (kind < 9) return this.pick(EDGES);
    return canonical(((BigInt(this.uint32()) << 32n) | BigInt(this.uint32())) >> BigInt(this.below(64)));
  }

  /** The same, up to 2^53 - 1. */
  integer(): number {
    const value = this.vi64();
    return typeof value === 'number' ? value : Number.MAX_SAFE_INTEGER;
  }
}
