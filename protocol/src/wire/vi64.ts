import { EncodeError } from '../errors.js';
import { canonical, VI64_MAX, type Vi64 } from '../model/vi64.js';

/** The longest encoding of a vi64, in bytes. */
export const VI64_BYTES_MAX = 9;

const TWO_32 = 0x1_0000_0000;

/** Bytes of the vi64 that starts with `first`: one more than its leading 1-bits (draft-18 §1.4.1). */
export function vi64Length(first: number): number {
  return first < 0x80 ? 1 : Math.clz32(~(first << 24)) + 1;
}

/** Bytes of the shortest encoding of `value`; throws EncodeError if it is no unsigned integer of 64 bits. */
export function vi64Size(value: Vi64): number {
  if (typeof value === 'number') return numberSize(value);
  if (value < 0n || value > VI64_MAX) throw new EncodeError(`integer ${value} is outside 0 to 2^64 - 1`);
  return value < 0x100_0000_0000_0000n ? 8 : 9;
}

/** Reads a vi64 of `length` bytes at `position`; the caller knows that they are all there. */
export function readVi64(bytes: Uint8Array, position: number, length: number): Vi64 {
  let high = length === 9 ? 0 : bytes[position]! & (0xff >> length);
  if (length <= 4) {
    for (let i = 1; i < length; i++) high = high * 256 + bytes[position + i]!;
    return high;
  }
  const lowStart = position + length - 4;
  for (let i = position + 1; i < lowStart; i++) high = high * 256 + bytes[i]!;
  const low =
    ((bytes[lowStart]! << 24) | (bytes[lowStart + 1]! << 16) | (bytes[lowStart + 2]! << 8) | bytes[lowStart + 3]!) >>>
    0;
  if (high < 0x20_0000) return high * TWO_32 + low;
  return canonical((BigInt(high) << 32n) | BigInt(low));
}

/** Reads a vi64 that may not be complete before `end`; null if it is not. */
export function tryReadVi64(bytes: Uint8Array, position: number, end: number): Vi64 | null {
  if (position >= end) return null;
  const length = vi64Length(bytes[position]!);
  return position + length > end ? null : readVi64(bytes, position, length);
}

/** Writes the shortest encoding of `value` and returns the position after it; the caller has made room. */
export function writeVi64(target: Uint8Array, position: number, value: Vi64): number {
  const length = vi64Size(value);
  const end = position + length;
  if (typeof value === 'number') writeNumber(target, position, end, value);
  else writeBigint(target, position, end, value);
  // The value is below 2^(7 * length), so that the marker's bits are free.
  target[position]! |= (0xff00 >> (length - 1)) & 0xff;
  return end;
}

function numberSize(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new EncodeError(`integer ${value} is outside 0 to 2^53 - 1`);
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  if (value < 0x8_0000_0000) return 5;
  if (value < 0x400_0000_0000) return 6;
  return value < 0x2_0000_0000_0000 ? 7 : 8;
}

function writeNumber(target: Uint8Array, position: number, end: number, value: number): void {
  let rest = value;
  for (let i = end - 1; i >= position; i--) {
    target[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}

function writeBigint(target: Uint8Array, position: number, end: number, value: bigint): void {
  let rest = value;
  for (let i = end - 1; i >= position; i--) {
    target[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
}
