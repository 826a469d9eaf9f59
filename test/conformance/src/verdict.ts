import type { TestResults } from './reports.js';
import { isImplemented, type Rows, stateOf, testPlace } from './row.js';

/** How many rows are in each state. */
export interface Counts {
  readonly rows: number;
  readonly implemented: number;
  readonly notApplicable: number;
  readonly notFollowed: number;
  readonly missing: number;
}

/** What holds of the whole table. */
export interface Verdict {
  readonly counts: Counts;
  /** One line for each reason why the table does not hold, naming the row. */
  readonly faults: readonly string[];
}

/** Counts the rows, by what they state of themselves. */
export function countsOf(rows: Rows): Counts {
  const states = Object.values(rows).map(stateOf);
  const count = (state: string): number => states.filter((other) => other === state).length;
  return {
    rows: states.length,
    implemented: count('implemented'),
    notApplicable: count('not applicable'),
    notFollowed: count('not followed'),
    missing: count('missing'),
  };
}

/** Holds the rows against the results of the tests that they name. */
export function judge(rows: Rows, results: TestResults): Verdict {
  const faults = Object.entries(rows).flatMap(([id, row]) => {
    if ('missing' in row) return [`${id} is missing: ${row.missing}`];
    if (!isImplemented(row)) return [];
    return row.tests.flatMap((entry) => testFaults(id, entry, results));
  });
  return { counts: countsOf(rows), faults };
}

function testFaults(id: string, entry: string, results: TestResults): string[] {
  const { file, title } = testPlace(id, entry);
  const tests = results.get(file)?.filter((test) => test.title.includes(title));
  if (tests === undefined) return [`${id}: no test of ${file} ran`];
  if (tests.length === 0) return [`${id}: ${file} has no test named "${title}"`];
  return tests
    .filter(({ status }) => status !== 'passed')
    .map((test) => `${id}: ${file} › ${test.title} ${test.status === 'failed' ? 'failed' : 'did not run'}`);
}
