import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonical } from '../model/vi64.js';
import { readVi64, tryReadVi64, vi64Length, vi64Size, writeVi64 } from './vi64.js';

// As many small values as large ones: uniform 64-bit values almost never have fewer than nine bytes.
const integers = fc
  .tuple(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.integer({ min: 0, max: 63 }))
  .map(([value, shift]) => value >> BigInt(shift));

describe('vi64', () => {
  it('BUS-68: round-trips in the shortest form, and is short of nothing but its last byte', () => {
    fc.assert(
      fc.property(integers, fc.integer({ min: 0, max: 5 }), (integer, offset) => {
        const value = canonical(integer);
        const bytes = new Uint8Array(offset + 9).fill(0xaa);
        const end = writeVi64(bytes, offset, value);
        expect(end - offset).toBe(vi64Size(value));
        expect(vi64Length(bytes[offset]!)).toBe(end - offset);
        expect(readVi64(bytes, offset, end - offset)).toBe(value);
        for (let cut = offset; cut < end; cut++) expect(tryReadVi64(bytes, offset, cut)).toBeNull();
        expect(tryReadVi64(bytes, offset, end)).toBe(value);
        expect(bytes.subarray(end).every((byte) => byte === 0xaa)).toBe(true);
      }),
      { seed: 18, numRuns: 2000 },
    );
  });

  it('BUS-68: reads every longer form as the same value', () => {
    fc.assert(
      fc.property(integers, fc.integer({ min: 1, max: 9 }), (integer, longer) => {
        const value = canonical(integer);
        const length = Math.max(vi64Size(value), longer);
        const marker =
          length === 9 ? 0xffn << 64n : BigInt((0xff00 >> (length - 1)) & 0xff) << BigInt(8 * (length - 1));
        const hex = (marker | integer).toString(16).padStart(2 * length, '0');
        expect(readVi64(fromHex(hex), 0, length)).toBe(value);
      }),
      { seed: 18, numRuns: 2000 },
    );
  });
});

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}
