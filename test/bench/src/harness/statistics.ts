/** The smallest sample that `share` of all do not exceed (nearest rank). Throws RangeError if there is none. */
export function percentile(samples: readonly number[], share: number): number {
  if (samples.length === 0) throw new RangeError('a percentile of no samples');
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
}

/** The middle of the samples; of an even number, the lower one. */
export function median(samples: readonly number[]): number {
  return percentile(samples, 0.5);
}
