import { describe, expect, it } from 'vitest';
import { jenkinsHash, reciprocalScale } from './jenkins-hash.js';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

describe('jenkinsHash', () => {
  // The self-test of lookup3.c (Bob Jenkins, 2006): `hashlittle` with these keys and seeds.
  it.each([
    ['', 0x00000000, 0xdeadbeef],
    ['', 0xdeadbeef, 0xbd5b7dde],
    ['Four score and seven years ago', 0, 0x17770551],
    ['Four score and seven years ago', 1, 0xcd628161],
  ])('gives the published value for "%s" with seed %i', (key, seed, expected) => {
    expect(jenkinsHash(text(key), seed)).toBe(expected);
  });

  it('reads only the given length', () => {
    const bytes = Uint8Array.from({ length: 48 }, (_, index) => index * 7);
    for (let length = 0; length <= 48; length++) {
      expect(jenkinsHash(bytes, 5, length)).toBe(jenkinsHash(bytes.slice(0, length), 5));
    }
  });

  it('depends on every byte and on the length', () => {
    const seen = new Set<number>();
    for (let length = 0; length <= 40; length++) {
      const bytes = new Uint8Array(length);
      seen.add(jenkinsHash(bytes, 0));
      for (let index = 0; index < length; index++) {
        seen.add(jenkinsHash(bytes.with(index, 0x80), 0));
      }
    }
    expect(seen.size).toBe(41 + (40 * 41) / 2);
  });
});

describe('reciprocalScale', () => {
  it.each([251, 4093, 65_537, 131_071])('equals (hash * %i) >> 32 in 64-bit arithmetic', (size) => {
    for (let step = 0n; step < 5_000n; step++) {
      const hash = (step * 0x9e3779b1n) & 0xffff_ffffn;
      expect(reciprocalScale(Number(hash), size)).toBe(Number((hash * BigInt(size)) >> 32n));
    }
    expect([reciprocalScale(0, size), reciprocalScale(0xffff_ffff, size)]).toEqual([0, size - 1]);
  });
});
