import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DELAY_WINDOW_MS, DeadlineRule } from './deadline.js';

const TTL_MS = 20_000;
const DRIFT_PPM_MAX = 100;

/** One object on its way: when it is published, how long it is under way, and how much of that relays notice. */
const journeys = fc.array(
  fc.record({
    pauseMs: fc.integer({ min: 0, max: 30_000 }),
    delayMs: fc.integer({ min: 1, max: 60_000 }),
    noticedPart: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
  { minLength: 1, maxLength: 60 },
);

const clocks = fc.record({
  publisherOffsetMs: fc.integer({ min: -3_600_000, max: 3_600_000 }),
  consumerUptimeMs: fc.integer({ min: 0, max: 10 ** 9 }),
  driftPpm: fc.integer({ min: -DRIFT_PPM_MAX, max: DRIFT_PPM_MAX }),
});

describe('BUS-52: deadlines under wrong clocks', () => {
  it('BUS-52: no value outlives its TTL by more than the fastest one-way delay and the drift', () => {
    fc.assert(
      fc.property(journeys, clocks, (steps, clock) => {
        const rule = new DeadlineRule();
        const arrivals = arrivalsOf(steps);
        for (const arrival of arrivals) {
          const fastestMs = fastestDelay(arrivals, arrival.receivedMs);
          const deadlineMs = trueDeadline(rule, arrival, clock);
          const driftMs = (DELAY_WINDOW_MS + TTL_MS) * 2 * DRIFT_PPM_MAX * 1e-6;
          expect(deadlineMs).toBeLessThanOrEqual(arrival.publishedMs + TTL_MS + fastestMs + driftMs);
        }
      }),
      { seed: 1 },
    );
  });

  it('BUS-52: wrong clocks do not shorten the life of a value that came without a stall', () => {
    fc.assert(
      fc.property(clocks, fc.integer({ min: 1, max: 500 }), (clock, delayMs) => {
        const rule = new DeadlineRule();
        for (let publishedMs = 0; publishedMs < 5 * DELAY_WINDOW_MS; publishedMs += 7_000) {
          const arrival = { publishedMs, receivedMs: publishedMs + delayMs, ageMs: 0 };
          const driftMs = (DELAY_WINDOW_MS + TTL_MS) * 2 * DRIFT_PPM_MAX * 1e-6;
          expect(trueDeadline(rule, arrival, clock)).toBeGreaterThanOrEqual(publishedMs + TTL_MS - driftMs);
        }
      }),
      { numRuns: 20, seed: 1 },
    );
  });
});

interface Arrival {
  readonly publishedMs: number;
  readonly receivedMs: number;
  readonly ageMs: number;
}

function arrivalsOf(steps: readonly { pauseMs: number; delayMs: number; noticedPart: number }[]): Arrival[] {
  let publishedMs = 0;
  const arrivals = steps.map(({ pauseMs, delayMs, noticedPart }) => {
    publishedMs += pauseMs;
    return { publishedMs, receivedMs: publishedMs + delayMs, ageMs: delayMs * noticedPart };
  });
  return arrivals.sort((left, right) => left.receivedMs - right.receivedMs);
}

// The window moves in steps of 30 s, so it is certain to cover all of it but one step.
function fastestDelay(arrivals: readonly Arrival[], nowMs: number): number {
  const seen = arrivals.filter(
    ({ receivedMs }) => receivedMs <= nowMs && receivedMs > nowMs - DELAY_WINDOW_MS + 30_000,
  );
  return Math.min(...seen.map(({ publishedMs, receivedMs }) => receivedMs - publishedMs));
}

function trueDeadline(
  rule: DeadlineRule,
  arrival: Arrival,
  clock: { publisherOffsetMs: number; consumerUptimeMs: number; driftPpm: number },
): number {
  const rate = 1 + clock.driftPpm * 1e-6;
  const deadlineBootMs = rule.deadlineBootMs({
    writer: 'w',
    epoch: 1,
    receiptBootMs: (arrival.receivedMs + clock.consumerUptimeMs) * rate,
    publishMs: 1.7e12 + clock.publisherOffsetMs + arrival.publishedMs,
    ageMs: arrival.ageMs,
    ttlMs: TTL_MS,
  });
  return deadlineBootMs / rate - clock.consumerUptimeMs;
}
