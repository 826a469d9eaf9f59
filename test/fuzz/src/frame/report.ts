import type { Found, FuzzRun, Tally } from './run.js';
import type { WorkResult } from './work-thread.js';

/** The results of a run, as `--json` writes them. */
export interface Report {
  readonly seed: number;
  readonly inputs: number;
  readonly seconds: number;
  readonly inputsPerSecond: number;
  /** Of the inputs, those whose first message was taken. */
  readonly passedFirstShare: number;
  readonly targets: Readonly<Record<string, Tally>>;
  readonly findings: readonly Found[];
}

export function reportOf(run: FuzzRun, work: WorkResult, elapsedMs: number): Report {
  const targets = Object.fromEntries([...run.tallies, ...work.tallies]);
  const sum = (value: (tally: Tally) => number) =>
    Object.values(targets).reduce((total, tally) => total + value(tally), 0);
  const inputs = sum((tally) => tally.inputs);
  return {
    seed: run.seed,
    inputs,
    seconds: Number((elapsedMs / 1000).toFixed(1)),
    inputsPerSecond: Math.round((inputs / elapsedMs) * 1000),
    passedFirstShare: Number((sum((tally) => tally.passedFirst) / inputs).toFixed(3)),
    targets,
    findings: [...run.found.values(), ...work.found.map(([, found]) => found)],
  };
}

/** The report in a few lines. */
export function summary(report: Report): string {
  const share = (report.passedFirstShare * 100).toFixed(0);
  const targets = Object.entries(report.targets).map(([name, { inputs }]) => `${name} ${inputs}`);
  return (
    `${report.inputs} inputs in ${report.seconds} s (${report.inputsPerSecond}/s), ${share} % past the first message, ` +
    `${report.findings.length} findings, seed ${report.seed}\n  ${targets.join(', ')}`
  );
}
