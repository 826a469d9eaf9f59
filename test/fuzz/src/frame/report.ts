import type { Result } from './fuzz-thread.js';
import type { Found, Tally } from './run.js';

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

/** Adds up what threads have come to. */
export function reportOf(seed: number, results: readonly Result[], elapsedMs: number): Report {
  const targets: Record<string, Tally> = {};
  const found = new Map<string, Found>();
  for (const result of results) {
    for (const [name, tally] of result.tallies) targets[name] = sumOf(targets[name], tally);
    for (const [signature, finding] of result.found) addFinding(found, signature, finding);
  }
  const sum = (value: (tally: Tally) => number) =>
    Object.values(targets).reduce((total, tally) => total + value(tally), 0);
  const inputs = sum((tally) => tally.inputs);
  return {
    seed,
    inputs,
    seconds: Number((elapsedMs / 1000).toFixed(1)),
    inputsPerSecond: Math.round((inputs / elapsedMs) * 1000),
    passedFirstShare: Number((sum((tally) => tally.passedFirst) / inputs).toFixed(3)),
    targets,
    findings: [...found.values()],
  };
}

function sumOf(sum: Tally | undefined, { inputs, bytes, passedFirst }: Tally): Tally {
  return {
    inputs: inputs + (sum?.inputs ?? 0),
    bytes: bytes + (sum?.bytes ?? 0),
    passedFirst: passedFirst + (sum?.passedFirst ?? 0),
  };
}

// The smallest number stands for a cause, so that the report does not depend on which thread saw it.
function addFinding(found: Map<string, Found>, signature: string, finding: Found): void {
  const known = found.get(signature);
  const first = known === undefined || finding.index < known.index ? finding : known;
  found.set(signature, { ...first, count: (known?.count ?? 0) + finding.count });
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
