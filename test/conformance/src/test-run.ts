import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readReports, type TestResults } from './reports.js';

/** How long a run of a few test files may take before it is ended, in ms. */
const RUN_MS_MAX = 300_000;

/** What to run. */
export interface TestRunOptions {
  /** A tree with `node_modules`. */
  readonly root: string;
  /** Test files, from the root. */
  readonly files: readonly string[];
  /** Only tests whose full title holds one of these; default: all. */
  readonly titles?: readonly string[];
  /** Whether the runner's own report goes to stderr. Default false. */
  readonly loud?: boolean;
  /** Default: a few minutes. */
  readonly timeoutMs?: number;
}

/** Runs tests and reads what came of them; null if the run did not come to an end. */
export function runTests({
  root,
  files,
  titles,
  loud = false,
  timeoutMs = RUN_MS_MAX,
}: TestRunOptions): TestResults | null {
  const scratch = mkdtempSync(join(tmpdir(), 'higgins-conformance-'));
  try {
    const { error } = spawnSync(
      join(root, 'node_modules', '.bin', 'vitest'),
      [
        'run',
        '--reporter=json',
        ...(loud ? ['--reporter=dot'] : []),
        `--outputFile.json=${join(scratch, 'report.json')}`,
        ...(titles === undefined ? [] : ['-t', titles.map(literal).join('|')]),
        ...files,
      ],
      {
        cwd: root,
        stdio: ['ignore', loud ? 2 : 'ignore', loud ? 2 : 'ignore'],
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
      },
    );
    return error === undefined ? readReports(scratch, root) : null;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function literal(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
