import { BalancingError } from './errors.js';

/** The sum that sampled weights are scaled to: one in a thousand is the smallest share. */
const SCALE = 1_000;

/** How far a latency weight moves in one interval, as a share of what it was. */
const LATENCY_STEP_MAX = 0.2;

/** How much one sample counts in a smoothed latency. */
const LATENCY_SMOOTHING = 0.25;

/** A member's load as counted at one time. */
export interface ConnectionSample {
  readonly name: string;
  /** Above 0: what the member can take, relative to the others. */
  readonly weight: number;
  /** Open connections. */
  readonly connections: number;
}

/** A member's latency as its checks measured it. */
export interface LatencySample {
  readonly name: string;
  /** Above 0: what the member can take, relative to the others. */
  readonly weight: number;
  /** As `smoothLatency` gives it; null while there is no sample, which counts as the mean of the others. */
  readonly latencyMs: number | null;
}

/**
 * Weights by name that level open connections per weight: they give the connections that are expected until the next
 * sample to those members that have the fewest, as water fills a vessel. Every weight is whole and at least 1 of about
 * 1,000. Sample again about once a second.
 *
 * @param arrivalsExpected new connections until the next sample, for instance as many as in the last interval; at least 1
 * @throws BalancingError `RANGE` for a count below 0 or a weight that is not above 0.
 */
export function connectionWeights(samples: readonly ConnectionSample[], arrivalsExpected: number): Map<string, number> {
  checkAll(samples, ({ name, connections }) => checkRange(`connections of ${name}`, connections));
  checkRange('arrivalsExpected', arrivalsExpected);
  const arrivals = Math.max(arrivalsExpected, 1);
  const level = fillLevel(samples, arrivals);
  return scaled(
    samples,
    samples.map(({ weight, connections }) => Math.max(weight * level - connections, 0)),
  );
}

/**
 * Weights by name in inverse proportion to latency, moved from `previous` by at most a fifth, so that neither one slow
 * check nor a member's return swings the traffic. Every weight is whole and at least 1 of about 1,000: a member that
 * recovers is seen.
 *
 * @param previous the last result; members that it does not hold start at their target
 * @throws BalancingError `RANGE` for a latency that is not above 0 or a weight that is not above 0.
 */
export function latencyWeights(
  samples: readonly LatencySample[],
  previous: ReadonlyMap<string, number> = new Map(),
): Map<string, number> {
  checkAll(samples, ({ name, latencyMs }) => {
    if (latencyMs !== null) checkRange(`latencyMs of ${name}`, latencyMs, true);
  });
  const known = samples.flatMap(({ latencyMs }) => (latencyMs === null ? [] : [latencyMs]));
  const mean = known.length === 0 ? 1 : known.reduce((sum, latency) => sum + latency, 0) / known.length;
  const targets = scaled(
    samples,
    samples.map(({ weight, latencyMs }) => weight / (latencyMs ?? mean)),
  );
  return new Map([...targets].map(([name, target]) => [name, approach(previous.get(name) ?? target, target)]));
}

/** The exponentially smoothed latency after one more sample; the first sample stands for itself. */
export function smoothLatency(smoothedMs: number | null, sampleMs: number): number {
  return smoothedMs === null ? sampleMs : smoothedMs + LATENCY_SMOOTHING * (sampleMs - smoothedMs);
}

/** The level of connections per weight at which the arrivals are used up if they go to the emptiest members first. */
function fillLevel(samples: readonly ConnectionSample[], arrivals: number): number {
  const order = [...samples].sort((a, b) => a.connections / a.weight - b.connections / b.weight);
  let weight = 0;
  let connections = 0;
  let level = 0;
  for (const [index, sample] of order.entries()) {
    weight += sample.weight;
    connections += sample.connections;
    level = (arrivals + connections) / weight;
    const next = order[index + 1];
    if (next === undefined || level <= next.connections / next.weight) break;
  }
  return level;
}

/** At least 1 whole step, even where a fifth is less than that. */
function approach(from: number, target: number): number {
  const step = Math.max(1, Math.floor(from * LATENCY_STEP_MAX));
  return Math.min(Math.max(target, from - step), from + step);
}

function scaled(samples: readonly { name: string }[], parts: readonly number[]): Map<string, number> {
  const sum = parts.reduce((left, right) => left + right, 0);
  return new Map(samples.map(({ name }, index) => [name, Math.max(1, Math.round((parts[index]! / sum) * SCALE))]));
}

function checkAll<S extends { name: string; weight: number }>(samples: readonly S[], check: (sample: S) => void): void {
  for (const sample of samples) {
    checkRange(`weight of ${sample.name}`, sample.weight, true);
    check(sample);
  }
}

function checkRange(field: string, value: number, positive = false): void {
  if (Number.isFinite(value) && (positive ? value > 0 : value >= 0)) return;
  throw new BalancingError('RANGE', field, value, positive ? 'a number above 0' : 'a number of 0 or more');
}
