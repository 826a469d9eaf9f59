// The test command: builds, checks, runs the unit, Rust and end-to-end tests, and closes with one line of totals.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runChecks } from './check.mjs';
import { ensureSystemPackages } from './system-packages.mjs';

const HELP = `pnpm test [--only checks|rust|unit|e2e] [-- vitest arguments]

Runs the static checks, the Rust tests, the unit tests and the end-to-end tests, and closes with
"N passed, N failed, N skipped". Skipped tests are listed by name with the reason, failed ones by
name with the first lines of what was wrong.`;

/** How much of a failure stands beside the totals; all of it stands above, where the test ran. */
const FAILURE_LINES = 12;
const FAILURE_LINE_CHARACTERS = 300;

const root = fileURLToPath(new URL('..', import.meta.url));
const { values, positionals } = parseArgs({
  options: { only: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  allowPositionals: true,
});
if (values.help) {
  process.stdout.write(`${HELP}\n`);
  process.exit(0);
}
const wants = (part) => values.only === undefined || values.only === part;

const totals = { passed: 0, failed: 0, skipped: [], failures: [] };
const scratch = mkdtempSync(join(tmpdir(), 'higgins-test-'));
try {
  ensureSystemPackages(['nftables', 'iproute2']);
  build();
  if (wants('checks')) count(runChecks());
  if (wants('rust')) count(runRust());
  if (wants('unit')) count(runVitest('unit'));
  if (wants('e2e')) count(runVitest('e2e'));
  if (values.only === undefined && positionals.length === 0) count(runConformance());
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
for (const name of totals.skipped) process.stdout.write(`skipped: ${name}\n`);
for (const failure of totals.failures) process.stdout.write(`failed: ${failure}\n`);
process.stdout.write(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped.length} skipped\n`);
process.exit(totals.failed === 0 ? 0 : 1);

function build() {
  const { status } = spawnSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' });
  if (status !== 0) {
    process.stdout.write('the build failed\n0 passed, 1 failed, 0 skipped\n');
    process.exit(1);
  }
}

function count({ passed, failed, skipped, failures = [] }) {
  totals.passed += passed;
  totals.failed += failed;
  totals.skipped.push(...skipped);
  totals.failures.push(...failures);
}

function runRust() {
  process.stderr.write('test: Rust\n');
  const { stdout, status } = spawnSync('cargo', ['test', '--release', '--locked', '--workspace'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 2],
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  process.stdout.write(stdout ?? '');
  const sums = [...(stdout ?? '').matchAll(/^test result: .*? (\d+) passed; (\d+) failed; (\d+) ignored/gm)];
  const sum = (index) => sums.reduce((total, match) => total + Number(match[index]), 0);
  const named = (outcome) =>
    [...(stdout ?? '').matchAll(new RegExp(`^test (.*) \\.\\.\\. ${outcome}`, 'gm'))].map(([, name]) => name);
  const failures = status === 0 ? [] : ['cargo test', ...named('FAILED')];
  return { passed: sum(1), failed: status === 0 ? 0 : Math.max(1, sum(2)), skipped: named('ignored'), failures };
}

function runVitest(project) {
  process.stderr.write(`test: ${project}\n`);
  const report = join(scratch, `${project}.json`);
  const { status } = spawnSync(
    join(root, 'node_modules', '.bin', 'vitest'),
    [
      'run',
      '--project',
      project,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...positionals,
    ],
    { cwd: root, stdio: ['ignore', 1, 2] },
  );
  const files = readReport(report);
  const tests = files.flatMap((file) => file.assertionResults ?? []);
  const failed = tests.filter((test) => test.status === 'failed').length;
  const brokenFiles = files.filter(
    (file) => file.status === 'failed' && (file.assertionResults ?? []).length === 0,
  ).length;
  const skipped = tests.filter((test) => !['passed', 'failed'].includes(test.status)).map((test) => test.fullName);
  const passed = tests.filter((test) => test.status === 'passed').length;
  return { passed, failed: status === 0 ? 0 : Math.max(1, failed + brokenFiles), skipped, failures: failuresOf(files) };
}

/** Each failed test, or file that could not be run, with the first lines of what was wrong. */
function failuresOf(files) {
  return files.flatMap(({ name, status, message, assertionResults = [] }) => {
    const path = relative(root, name);
    if (status === 'failed' && assertionResults.length === 0) return [`${path}\n${firstLines(message)}`];
    return assertionResults
      .filter((test) => test.status === 'failed')
      .map(({ fullName, failureMessages }) => `${path} > ${fullName}\n${firstLines(failureMessages.join('\n'))}`);
  });
}

function firstLines(message) {
  const lines = message.split('\n').filter((line) => line.trim() !== '' && !line.includes('/node_modules/'));
  return lines
    .slice(0, FAILURE_LINES)
    .map((line) => `  ${line.slice(0, FAILURE_LINE_CHARACTERS)}`)
    .join('\n');
}

/** Holds the table of the draft's sentences against the reports of the runs before. */
function runConformance() {
  process.stderr.write('test: conformance\n');
  const { status } = spawnSync(process.execPath, ['test/conformance/dist/main.js', '--reports', scratch], {
    cwd: root,
    stdio: ['ignore', 1, 2],
  });
  return status === 0
    ? { passed: 1, failed: 0, skipped: [] }
    : { passed: 0, failed: 1, skipped: [], failures: ['the table of conformance'] };
}

function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).testResults;
  } catch (error) {
    process.stderr.write(`test: no report of the test runner: ${error.message}\n`);
    return [];
  }
}
