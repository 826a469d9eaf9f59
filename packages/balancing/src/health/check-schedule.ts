/** First checks are spread over this time, so that a start is no burst. */
const FIRST_SPREAD_MS = 500;

/** Later checks come this much of the interval earlier or later. */
const JITTER_SHARE = 0.1;

/** An early check after a failure comes after a tenth of the interval, but not before this. */
const EARLY_MS_MIN = 200;

/** Time to a member's first check; `random` is 0 up to 1. */
export function firstCheckDelayMs(intervalMs: number, random: number): number {
  return random * Math.min(FIRST_SPREAD_MS, intervalMs);
}

/**
 * Time from the start of one check to the next; `random` is 0 up to 1. After a failure that did not yet take the member
 * out (`PoolHealth.isSuspicious`) the next check comes early: detection takes about one interval instead of several.
 */
export function nextCheckDelayMs(intervalMs: number, suspicious: boolean, random: number): number {
  if (suspicious) return Math.min(intervalMs, Math.max(EARLY_MS_MIN, intervalMs / 10));
  return intervalMs * (1 + JITTER_SHARE * (2 * random - 1));
}
