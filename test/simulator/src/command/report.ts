import { describeFault } from '../frame/faults.js';
import type { SeedResult } from '../frame/run-seed.js';
import { guarantees } from '../invariants/index.js';

/** Sums over all runs. */
export interface Summary {
  readonly runs: number;
  readonly virtualHours: number;
  readonly steps: number;
  readonly checks: number;
  /** How many of all invariants were held in at least one run. */
  readonly invariants: number;
  readonly violations: number;
  readonly elapsedSeconds: number;
  readonly seedsPerMinute: number;
}

/** One line for a run that held; the whole story for one that did not. */
export function resultText({ scenario, seed, traceHash, steps, faults, violation }: SeedResult): string {
  if (violation === null) return `ok    ${scenario} seed ${seed}: ${steps} steps, trace ${traceHash}`;
  const replay = `pnpm simulate --scenario ${scenario} --seed ${seed}`;
  return [
    `FAIL  ${scenario} seed ${seed}: ${violation.invariant} at step ${violation.step}, ${violation.atMs} ms`,
    `      ${violation.message}`,
    ...faults.map((fault, index) => `      fault ${index}: ${describeFault(fault)}`),
    ...violation.history.map((line) => `      ${line}`),
    `      replay: ${replay}; with less of it: --keep 0,2 --until STEP --trace NODE; smallest: --shrink`,
  ].join('\n');
}

export function summaryOf(results: readonly SeedResult[], elapsedMs: number): Summary {
  const sum = (value: (result: SeedResult) => number) => results.reduce((total, result) => total + value(result), 0);
  return {
    runs: results.length,
    virtualHours: sum(({ virtualMs }) => virtualMs) / 3_600_000,
    steps: sum(({ steps }) => steps),
    checks: sum(({ checks }) => checks),
    invariants: new Set(results.flatMap((result) => result.invariants)).size,
    violations: results.filter(({ violation }) => violation !== null).length,
    elapsedSeconds: elapsedMs / 1000,
    seedsPerMinute: (results.length * 60_000) / elapsedMs,
  };
}

export function summaryText(summary: Summary): string {
  const { runs, virtualHours, steps, checks, invariants, violations, elapsedSeconds, seedsPerMinute } = summary;
  return (
    `${runs} runs, ${virtualHours.toFixed(2)} virtual hours, ${steps} steps, ${checks} checks ` +
    `of ${invariants} invariants (of ${guarantees.length}), ${violations} violations, ` +
    `${elapsedSeconds.toFixed(1)} s, ${seedsPerMinute.toFixed(0)} seeds per minute`
  );
}
