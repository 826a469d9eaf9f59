import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** One test that ran, or was skipped. */
export interface TestResult {
  /** Titles of its suites and its own, joined by blanks. */
  readonly title: string;
  readonly status: string;
}

/** Results by test file, as a path from the root of the workspace with `/`. */
export type TestResults = ReadonlyMap<string, readonly TestResult[]>;

/** Reads every JSON report of the test runner in `directory`; `root` is where the tests ran. */
export function readReports(directory: string, root: string): TestResults {
  const results = new Map<string, TestResult[]>();
  for (const name of readdirSync(directory).filter((file) => file.endsWith('.json'))) {
    const report = JSON.parse(readFileSync(join(directory, name), 'utf8')) as RunnerReport;
    for (const { name: file, assertionResults } of report.testResults ?? []) {
      const path = relative(root, file).replaceAll('\\', '/');
      const tests = assertionResults.map(({ ancestorTitles, title, status }) => ({
        title: [...ancestorTitles, title].join(' '),
        status,
      }));
      results.set(path, [...(results.get(path) ?? []), ...tests]);
    }
  }
  return results;
}

/** What is used of the runner's report. */
interface RunnerReport {
  readonly testResults?: readonly {
    readonly name: string;
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[];
      readonly title: string;
      readonly status: string;
    }[];
  }[];
}
