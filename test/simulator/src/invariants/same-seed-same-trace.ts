import { type Guarantee, Violation } from '../frame/invariant.js';

/** What this file judges. */
export const guarantee: Guarantee = {
  id: 'same-seed-same-trace',
  statement: 'a seed that runs twice takes the same steps at the same times, and everybody sees the same',
  design: [23],
};

/** Invariant 23 of the design and BUS-136: the trace hashes of two runs of one seed. */
export function sameTrace(first: string, second: string): void {
  if (first !== second) throw new Violation(guarantee.id, `the first run has the trace ${first}, the second ${second}`);
}
