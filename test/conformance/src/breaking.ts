import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { codePlace, type Implemented, isImplemented, type Rows, testPlace } from './row.js';
import { runTests } from './test-run.js';

/** How long the tests of one row may take when its code is broken, in ms; more counts as noticed. */
const BROKEN_RUN_MS_MAX = 120_000;

/** What the test runner says of tests that ran; others were left out by their title, or skipped. */
const RAN: ReadonlySet<string> = new Set(['passed', 'failed']);

/** Where to break something, and what has to notice it. */
export type Breakable = Pick<Implemented, 'code' | 'tests' | 'broken'>;

/** Whether the tests of a row notice that its code is broken. */
export interface Breaking {
  readonly id: string;
  readonly caught: boolean;
  /** The first test that failed, or what went wrong instead. */
  readonly by: string;
}

/** Draws `count` implemented rows, the same ones for the same seed. */
export function drawRows(rows: Rows, seed: number, count: number): string[] {
  const ids = Object.keys(rows).filter((id) => isImplemented(rows[id]!));
  // Numerical Recipes' generator: enough to shuffle with, and the same everywhere.
  let state = seed >>> 0;
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (let i = ids.length - 1; i > 0; i--) {
    const j = random(i + 1);
    [ids[i], ids[j]] = [ids[j]!, ids[i]!];
  }
  return ids.slice(0, count).sort();
}

/** Breaks the code of one row in the tree at `root`, runs the tests that it names, and mends the code. */
export function breakRow(root: string, id: string, row: Breakable): Breaking {
  const { file } = codePlace(row.code[0]);
  const path = join(root, file);
  const whole = readFileSync(path, 'utf8');
  const [find, replacement] = row.broken;
  const parts = whole.split(find);
  if (parts.length !== 2) return { id, caught: false, by: `"${find}" stands ${parts.length - 1} times in ${file}` };
  writeFileSync(path, parts.join(replacement));
  try {
    return runBroken(root, id, row);
  } finally {
    writeFileSync(path, whole);
  }
}

function runBroken(root: string, id: string, row: Breakable): Breaking {
  const places = row.tests.map((entry) => testPlace(id, entry));
  const files = [...new Set(places.map(({ file }) => file))];
  const titles = [...new Set(places.map(({ title }) => title))];
  const results = runTests({ root, files, titles, timeoutMs: BROKEN_RUN_MS_MAX });
  if (results === null) return { id, caught: true, by: 'the tests do not come to an end' };
  const named = places.map(({ file, title }) => ({
    file,
    tests: results.get(file)?.filter((test) => RAN.has(test.status) && test.title.includes(title)) ?? [],
  }));
  for (const { file, tests } of named) {
    const failed = tests.find((test) => test.status === 'failed');
    if (failed !== undefined) return { id, caught: true, by: `${file} › ${failed.title}` };
  }
  const ran = named.some(({ tests }) => tests.length > 0);
  return {
    id,
    caught: false,
    by: ran ? 'every test passed' : 'no test ran: none has the title, or the code does not load',
  };
}
