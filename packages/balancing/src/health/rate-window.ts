import type { RateThreshold } from './settings.js';

/** Outcomes of connections since the last report; whole numbers of 0 or more. */
export interface TrafficSample {
  readonly successes: number;
  readonly failures: number;
  /** Successes that took longer than the caller's threshold; default 0. */
  readonly slow?: number;
}

/** Counts of one slice of the window. */
export interface RateSlice {
  /** Number of the slice on the clock: time divided by its length. */
  readonly slice: number;
  total: number;
  failures: number;
  slow: number;
}

const SLICE_MS = 10_000;
const SLICES = 6;

/** Adds a sample to a sliding minute of six slices, in place, and drops the slices that are over. */
export function addToWindow(
  window: RateSlice[],
  { successes, failures, slow = 0 }: TrafficSample,
  nowMs: number,
): void {
  const slice = Math.floor(nowMs / SLICE_MS);
  while (window.length > 0 && window[0]!.slice <= slice - SLICES) window.shift();
  let last = window.at(-1);
  if (last === undefined || last.slice < slice) {
    last = { slice, total: 0, failures: 0, slow: 0 };
    window.push(last);
  }
  last.total += successes + failures;
  last.failures += failures;
  last.slow += slow;
}

/** Whether the share of one kind of outcome in the window reaches the threshold. */
export function reaches(
  window: readonly RateSlice[],
  kind: 'failures' | 'slow',
  threshold: RateThreshold | null,
): boolean {
  if (threshold === null) return false;
  const total = window.reduce((sum, slice) => sum + slice.total, 0);
  const bad = window.reduce((sum, slice) => sum + slice[kind], 0);
  return total >= threshold.volumeMin && bad >= threshold.share * total;
}
