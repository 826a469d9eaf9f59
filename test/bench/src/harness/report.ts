import type { Benchmark, Figure, Outcome } from './benchmark.js';
import type { Origin } from './machine.js';

/** How one benchmark ended. */
export interface Result {
  readonly name: string;
  readonly description: string;
  readonly status: 'measured' | 'skipped' | 'failed';
  /** Why it was skipped or failed. */
  readonly reason?: string;
  readonly outcomes: readonly Outcome[];
}

/** A run of the suite, as `--json` writes it. */
export interface Report {
  readonly origin: Origin;
  readonly results: readonly Result[];
}

/** Runs nothing, but says how a benchmark ended. */
export function resultOf(
  benchmark: Benchmark,
  status: Result['status'],
  outcomes: readonly Outcome[],
  reason?: string,
): Result {
  const { name, description } = benchmark;
  return { name, description, status, outcomes, ...(reason === undefined ? {} : { reason }) };
}

/** The origin, in lines for people. */
export function formatOrigin(origin: Origin): string {
  const { processors, processor, memoryMegabytes, loadAverage, kernel, node } = origin;
  return [
    `${origin.date}  ${origin.command}  (${origin.commit})`,
    `${processors} × ${processor}, ${memoryMegabytes} MB, load average ${loadAverage}, Linux ${kernel}, Node ${node}`,
  ].join('\n');
}

/** A result, in lines for people. */
export function formatResult(result: Result): string {
  const head = `${result.name}: ${result.status === 'measured' ? result.description : `${result.status}: ${result.reason}`}`;
  return [head, ...result.outcomes.flatMap(formatOutcome)].join('\n');
}

function formatOutcome(outcome: Outcome): string[] {
  const parameters = Object.entries(outcome.parameters).map(([name, value]) => `${name} ${value}`);
  const figures = Object.entries(outcome.figures).map(([name, figure]) => `    ${name.padEnd(40)} ${format(figure)}`);
  return [`  ${parameters.join(', ')}`, ...figures];
}

function format({ value, unit }: Figure): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return `${value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })} ${unit}`;
}
