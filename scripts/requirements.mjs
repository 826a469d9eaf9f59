// Lists which tests name which requirement rows (`BUS-37`), so that coverage can be read off.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HELP = `pnpm requirements [ROW...] [--json]

Prints each requirement row that a test names, with the files that do; with rows given, only those, and exits with 1 if
one of them is named by no test.`;

const { values, positionals } = parseArgs({
  options: { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  allowPositionals: true,
});
if (values.help) {
  process.stdout.write(`${HELP}\n`);
  process.exit(0);
}

const rows = namedRows(fileURLToPath(new URL('..', import.meta.url)));
const wanted = positionals.length > 0 ? positionals : [...rows.keys()].sort(byNumber);
const listed = Object.fromEntries(wanted.map((row) => [row, rows.get(row) ?? []]));
process.stdout.write(values.json ? `${JSON.stringify(listed)}\n` : text(listed));
process.exit(wanted.every((row) => rows.has(row)) ? 0 : 1);

/** Row → test files that name it in a title. */
function namedRows(root) {
  const files = execFileSync('git', ['ls-files', '*.test.ts', '*.test.mjs', 'test/*.ts'], {
    cwd: root,
    encoding: 'utf8',
  });
  const found = new Map();
  for (const file of files.split('\n').filter(Boolean)) {
    const names = readFileSync(join(root, file), 'utf8').match(/\b[A-Z]{2,5}-\d{2,3}\b(?:–\d{2,3})?/g) ?? [];
    for (const row of new Set(names.flatMap(expand))) found.set(row, [...(found.get(row) ?? []), file]);
  }
  return found;
}

/** `BUS-09–11` names three rows. */
function expand(name) {
  const match = /^([A-Z]+)-(\d+)(?:–(\d+))?$/.exec(name);
  const [, prefix, first, last] = match;
  const count = Number(last ?? first) - Number(first) + 1;
  return Array.from(
    { length: count },
    (_, index) => `${prefix}-${String(Number(first) + index).padStart(first.length, '0')}`,
  );
}

function byNumber(a, b) {
  return a.localeCompare(b, 'en', { numeric: true });
}

function text(rowsToFiles) {
  return Object.entries(rowsToFiles)
    .map(([row, files]) => `${row}  ${files.length === 0 ? 'named by no test' : files.join(', ')}\n`)
    .join('');
}
