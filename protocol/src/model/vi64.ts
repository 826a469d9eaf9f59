/**
 * An unsigned 64-bit integer (draft-18 §1.4.1) in canonical form: a `number` up to 2^53 - 1, a `bigint` above.
 *
 * Canonical values compare correctly with `===`, `<` and `>` in any mix, and work as Map keys; arithmetic goes through
 * the functions of this file.
 */
export type Vi64 = number | bigint;

/** The largest value of 64 bits. */
export const VI64_MAX: Vi64 = 0xffff_ffff_ffff_ffffn;

/** Brings a bigint into canonical form. */
export function canonical(value: bigint): Vi64 {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

/** `a + b`; the caller checks the result against VI64_MAX where a peer chose the operands. */
export function add(a: Vi64, b: Vi64): Vi64 {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (sum <= Number.MAX_SAFE_INTEGER) return sum;
  }
  return canonical(BigInt(a) + BigInt(b));
}

/** `a - b`; the caller makes sure that it is not negative. */
export function subtract(a: Vi64, b: Vi64): Vi64 {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return canonical(BigInt(a) - BigInt(b));
}
