import { codePlace, isImplemented, type Row, type Rows, testPlace } from './row.js';
import { SECTIONS } from './sections.js';
import { countsOf } from './verdict.js';

/** The page `docs/conformance.md`, as it follows from the rows. */
export function pageOf(rows: Rows): string {
  const { rows: all, implemented, notApplicable, notFollowed, missing } = countsOf(rows);
  const head = [
    '# Conformance with MOQT draft-18',
    '',
    'Every normative sentence of draft-ietf-moq-transport-18, in the order of the draft and in our words, with the code',
    'that follows it and the tests that show it. `pnpm conformance --write` makes this page from `test/conformance/src/rows`;',
    '`pnpm test` fails if it is stale, if a named test failed or did not run, or if a sentence is missing.',
    '',
    '| Sentences | Implemented | Not applicable | Recommendations not followed | Missing |',
    '|---|---|---|---|---|',
    `| ${all} | ${implemented} | ${notApplicable} | ${notFollowed} | ${missing} |`,
    '',
  ];
  return `${[...head, ...SECTIONS.flatMap((section) => sectionLines(rows, section))].join('\n').trimEnd()}\n`;
}

function sectionLines(rows: Rows, [number, title]: readonly [string, string]): string[] {
  const own = Object.entries(rows).filter(([, row]) => row.section === number);
  if (own.length === 0) return [];
  const lines = own.map(([id, row]) => `| ${id} | ${row.keyword} | ${cell(row.says)} | ${whereOf(id, row)} |`);
  return [
    `## ${number} ${title}`,
    '',
    '| Row | Key word | What it asks for | Where, and what shows it |',
    '|---|---|---|---|',
    ...lines,
    '',
  ];
}

function whereOf(id: string, row: Row): string {
  if ('notApplicable' in row) return `**Not applicable.** ${cell(row.notApplicable)}`;
  if ('notFollowed' in row) return `**Not followed.** ${cell(row.notFollowed)}`;
  if (!isImplemented(row)) return `**Missing.** ${cell(row.missing)}`;
  const code = row.code.map((entry) => {
    const { file, symbol } = codePlace(entry);
    return `[\`${symbol}\`](../${file})`;
  });
  const tests = row.tests.map((entry) => {
    const { file, title } = testPlace(id, entry);
    return `[${title === id ? fileName(file) : cell(title)}](../${file})`;
  });
  return `${code.join(', ')}; ${tests.join(', ')}`;
}

function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
