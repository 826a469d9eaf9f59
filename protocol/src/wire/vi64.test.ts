import { describe, expect, it } from 'vitest';
import { EncodeError } from '../errors.js';
import { canonical, type Vi64 } from '../model/vi64.js';
import { readVi64, tryReadVi64, vi64Length, vi64Size, writeVi64 } from './vi64.js';

const VECTORS: readonly (readonly [string, Vi64])[] = [
  ['25', 37],
  ['8025', 37],
  ['bbbd', 15_293],
  ['ed7f3e7d', 226_442_877],
  ['faa1a0e403d8', 2_893_212_287_960],
  ['fc8998abc66bc0', 151_288_809_941_952],
  ['fefa318fa8e3ca11', 70_423_237_261_249_041n],
  ['ffffffffffffffffff', 0xffff_ffff_ffff_ffffn],
];

describe('vi64', () => {
  it.each(VECTORS)('BUS-68: reads %s as the draft does', (hex, value) => {
    const bytes = fromHex(hex);
    expect(vi64Length(bytes[0]!)).toBe(bytes.length);
    expect(readVi64(bytes, 0, bytes.length)).toBe(value);
  });

  it.each(VECTORS.filter(([hex]) => hex !== '8025'))('BUS-68: writes %s in the shortest form', (hex, value) => {
    expect(toHex(written(value))).toBe(hex);
  });

  it('BUS-68: writes every length at both of its ends', () => {
    for (let length = 1; length <= 9; length++) {
      const last = length === 9 ? 2n ** 64n - 1n : 2n ** BigInt(7 * length) - 1n;
      const first = length === 1 ? 0n : 2n ** BigInt(7 * (length - 1));
      for (const value of [first, last]) {
        const bytes = written(canonical(value));
        expect(bytes.length).toBe(length);
        expect(readVi64(bytes, 0, length)).toBe(canonical(value));
      }
    }
  });

  it('BUS-68: reads numbers up to 2^53 - 1 and bigints from 2^53 on, whatever the length', () => {
    const values: readonly (readonly [string, Vi64])[] = [
      ['fe1fffffffffffff', Number.MAX_SAFE_INTEGER],
      ['ff001fffffffffffff', Number.MAX_SAFE_INTEGER],
      ['fe20000000000000', 2n ** 53n],
      ['ff0000000000000025', 37],
    ];
    for (const [hex, value] of values) {
      const bytes = fromHex(hex);
      expect(readVi64(bytes, 0, bytes.length)).toBe(value);
    }
  });

  it('tells apart what is not complete', () => {
    const bytes = fromHex('00ed7f3e7d');
    expect(tryReadVi64(bytes, 1, 4)).toBeNull();
    expect(tryReadVi64(bytes, 5, 5)).toBeNull();
    expect(tryReadVi64(bytes, 1, 5)).toBe(226_442_877);
  });

  it.each([-1, 1.5, Number.NaN, 2 ** 53, -1n, 2n ** 64n])('refuses to write %s', (value) => {
    expect(() => vi64Size(value)).toThrow(EncodeError);
    expect(() => written(value)).toThrow(EncodeError);
  });
});

function written(value: Vi64): Uint8Array {
  const bytes = new Uint8Array(9);
  return bytes.subarray(0, writeVi64(bytes, 0, value));
}

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
