import type { Fault } from './faults.js';
import { runSeed, type Scenario, type SeedResult } from './run-seed.js';

/** The smallest plan that was found to break the same invariant. */
export interface Shrunk {
  readonly result: SeedResult;
  /** Positions of the faults that are left in the plan that the seed drew. */
  readonly kept: readonly number[];
  readonly runs: number;
}

/** Durations are halved down to this. */
const DURATION_MS_MIN = 50;

/**
 * Reduces the faults of a failing seed: takes out all that the violation does not need, one after the other until none
 * can go, and then shortens those that are left. Null if the seed holds.
 */
export async function shrinkSeed(scenario: Scenario, seed: number): Promise<Shrunk | null> {
  const first = await runSeed(scenario, seed);
  if (first.violation === null) return null;
  const { invariant } = first.violation;
  let runs = 1;
  const attempt = async (plan: readonly Placed[]): Promise<SeedResult | null> => {
    runs++;
    const result = await runSeed(scenario, seed, { alter: () => plan.map(({ fault }) => fault) });
    return result.violation?.invariant === invariant ? result : null;
  };
  let best: Candidate = { plan: first.faults.map((fault, position) => ({ fault, position })), result: first };
  best = await withFewerFaults(best, attempt);
  best = await withShorterFaults(best, attempt);
  return { result: best.result, kept: best.plan.map(({ position }) => position), runs };
}

interface Placed {
  readonly fault: Fault;
  readonly position: number;
}

interface Candidate {
  readonly plan: readonly Placed[];
  readonly result: SeedResult;
}

type Attempt = (plan: readonly Placed[]) => Promise<SeedResult | null>;

async function withFewerFaults(start: Candidate, attempt: Attempt): Promise<Candidate> {
  let best = start;
  for (let index = 0; index < best.plan.length; ) {
    const plan = best.plan.toSpliced(index, 1);
    const result = await attempt(plan);
    if (result === null) index++;
    else {
      best = { plan, result };
      // What was needed beside the fault that went may not be needed any more.
      index = 0;
    }
  }
  return best;
}

async function withShorterFaults(start: Candidate, attempt: Attempt): Promise<Candidate> {
  let best = start;
  for (let index = 0; index < best.plan.length; index++) {
    for (;;) {
      const { fault, position } = best.plan[index]!;
      if (fault.durationMs < 2 * DURATION_MS_MIN) break;
      const plan = best.plan.with(index, { fault: { ...fault, durationMs: fault.durationMs / 2 }, position });
      const result = await attempt(plan);
      if (result === null) break;
      best = { plan, result };
    }
  }
  return best;
}
