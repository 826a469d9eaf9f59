import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { breakRow, drawRows } from './breaking.js';
import { pageOf } from './page.js';
import { readReports } from './reports.js';
import { isImplemented, testPlace } from './row.js';
import { ROWS } from './table.js';
import { runTests } from './test-run.js';
import { copyTree } from './tree-copy.js';
import { judge } from './verdict.js';
import { PAGE, ROOT } from './workspace.js';

/** All files that rows name, those on the real network included. */
const CHECK_MS_MAX = 1_800_000;

interface Options {
  readonly json?: string;
  readonly write?: true;
  readonly reports?: string;
  readonly break?: number;
  readonly rows: number;
  readonly row?: string[];
}

const command: Command = new Command('conformance')
  .description(
    'Prints how many normative sentences of MOQT draft-18 are implemented, do not apply and are missing; fails if one is\n' +
      'missing, or if a test that a row names failed, was skipped or did not run.',
  )
  .option('--json <file>', 'writes the result to a file')
  .option('--write', `writes ${PAGE} and runs nothing`)
  .option('--reports <directory>', 'reads JSON reports of the test runner instead of running the named tests')
  .option(
    '--break <seed>',
    'draws rows, breaks the code of each in a copy of the tree, and tells which tests notice',
    integer,
  )
  .option('--rows <count>', 'how many rows to draw', integer, 40)
  .option('--row <id...>', 'breaks these rows instead of drawing some')
  .action((options: Options) => {
    if (options.write) writeFileSync(join(ROOT, PAGE), pageOf(ROWS));
    else if (options.break !== undefined || options.row !== undefined) breakRows(options);
    else check(options);
  });

command.parse();

function check({ reports, json }: Options): void {
  const results =
    reports === undefined
      ? runTests({ root: ROOT, files: namedFiles(), loud: true, timeoutMs: CHECK_MS_MAX })
      : readReports(reports, ROOT);
  const { counts, faults } = judge(ROWS, results ?? new Map());
  const stale =
    readFileSync(join(ROOT, PAGE), 'utf8') === pageOf(ROWS) ? [] : [`${PAGE} is stale: pnpm conformance --write`];
  const all = [...faults, ...stale];
  for (const fault of all) process.stdout.write(`${fault}\n`);
  const { implemented, notApplicable, notFollowed, missing } = counts;
  process.stdout.write(
    `${counts.rows} sentences: ${implemented} implemented, ${notApplicable} not applicable, ` +
      `${notFollowed} recommendations not followed, ${missing} missing; ${all.length} faults\n`,
  );
  if (json !== undefined) writeFileSync(json, `${JSON.stringify({ ...counts, faults: all }, null, 2)}\n`);
  if (all.length > 0) process.exitCode = 1;
}

function breakRows({ break: seed = 0, rows, row, json }: Options): void {
  const ids = row ?? drawRows(ROWS, seed, rows);
  using copy = copyTree(ROOT);
  const outcomes = ids.map((id) => {
    const broken = ROWS[id];
    if (broken === undefined || !isImplemented(broken)) command.error(`${id} is no implemented row`);
    const outcome = breakRow(copy.root, id, broken);
    process.stdout.write(`${outcome.caught ? 'caught ' : 'ESCAPED'} ${id} ${outcome.by}\n`);
    return outcome;
  });
  const caught = outcomes.filter((outcome) => outcome.caught).length;
  process.stdout.write(`${caught} of ${outcomes.length} caught${row === undefined ? `, seed ${seed}` : ''}\n`);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify({ seed, caught, outcomes }, null, 2)}\n`);
  if (caught < outcomes.length) process.exitCode = 1;
}

function namedFiles(): string[] {
  const rows = Object.entries(ROWS);
  const files = rows.flatMap(([id, row]) =>
    isImplemented(row) ? row.tests.map((entry) => testPlace(id, entry).file) : [],
  );
  return [...new Set(files)];
}

function integer(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('expected an integer of 0 or more');
  return value;
}
