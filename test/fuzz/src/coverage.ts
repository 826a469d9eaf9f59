import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** The share of the decoders' branches that the short run has to reach, in percent. */
const BRANCHES_MIN = 90;

/** Runs the fuzzer's tests with coverage, and tells the branch coverage of the decoders; fails below the minimum. */
export function branchCoverage(): void {
  const scratch = mkdtempSync(join(tmpdir(), 'higgins-fuzz-'));
  try {
    const { status } = spawnSync(
      join(ROOT, 'node_modules', '.bin', 'vitest'),
      [
        ...['run', '--project', 'unit', 'test/fuzz/src/fuzz.test.ts', '--coverage', '--coverage.reporter=json-summary'],
        ...[`--coverage.reportsDirectory=${scratch}`, '--coverage.include=protocol/src/{wire,messages,data}/*.ts'],
      ],
      { cwd: ROOT, stdio: ['ignore', 2, 2] },
    );
    const { total } = JSON.parse(readFileSync(join(scratch, 'coverage-summary.json'), 'utf8')) as Summary;
    const { covered, total: all, pct } = total.branches;
    process.stdout.write(`${covered} of ${all} branches of the decoders, ${pct} %\n`);
    if (status !== 0 || pct < BRANCHES_MIN) process.exitCode = 1;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

interface Summary {
  readonly total: { readonly branches: { readonly covered: number; readonly total: number; readonly pct: number } };
}
