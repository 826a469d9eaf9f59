import { WEIGHT_MAX } from '../../limits.js';

/** A backend's share, and how many members it has to be divided among. */
export interface Share {
  /** 0 or more, whole. */
  readonly weight: number;
  readonly members: number;
}

/**
 * The weight of each backend's members, so that backends have their shares however many members they have. Shares are exact
 * while the weights that this takes are at most 65,535, and rounded to those above.
 */
export function memberWeights(shares: readonly Share[]): number[] {
  const counts = shares.map(({ members }) => Math.max(members, 1));
  const multiple = counts.reduce(leastCommonMultiple, 1);
  const exact = shares.map(({ weight }, index) => (weight * multiple) / counts[index]!);
  const factor = counts.every((count) => count === counts[0]) ? multiple / counts[0]! : exact.reduce(commonDivisor, 0);
  const weights = exact.map((weight) => weight / Math.max(factor, 1));
  const largest = Math.max(...weights);
  if (largest <= WEIGHT_MAX) return weights;
  return weights.map((weight) => (weight === 0 ? 0 : Math.max(1, Math.round((weight * WEIGHT_MAX) / largest))));
}

function leastCommonMultiple(a: number, b: number): number {
  return (a / commonDivisor(a, b)) * b;
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}
