import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const DOCUMENT = new URL('../../../../../docs/simulation.md', import.meta.url);
const LINES = readFileSync(DOCUMENT, 'utf8').split('\n');

/** Rows of the requirements that have to stand in the table: those of the sections about failures, and what else is asked for. */
const WANTED = [...range(9, 15), 30, ...range(31, 71), ...range(89, 95), ...range(130, 136)].map(rowName);

/** A row of a table, with the files that it names. */
interface Row {
  readonly ids: readonly string[];
  readonly text: string;
  readonly files: readonly string[];
}

const rows = LINES.flatMap((line) => rowOf(line, /^\| (BUS-\d+(?:–\d+)?) \|/, expand));
const checks = LINES.flatMap((line) => rowOf(line, /^\| (\d+) \| /, (number) => [`check ${number}`]));

describe('the tables of docs/simulation.md', () => {
  it('have every row once', () => {
    expect(rows.flatMap(({ ids }) => ids)).toEqual(WANTED);
    expect(checks.flatMap(({ ids }) => ids)).toEqual(Array.from({ length: 10 }, (_, index) => `check ${index + 1}`));
  });

  it.each(rows.map((row) => [row.ids.join(', '), row] as const))('%s is held by what they say', expectHeld);

  it.each(checks.map((row) => [row.ids.join(), row] as const))('%s is held by what they say', expectHeld);

  it('name rows that stand there in the part about the description of the bus', () => {
    const known = new Set(rows.flatMap(({ ids }) => ids));
    const named = LINES.filter((line) => /^\| [^|]+ \| [^|]+ \|$/.test(line)).flatMap(
      (line) => line.match(/BUS-\d+/g) ?? [],
    );
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((id) => !known.has(id))).toEqual([]);
  });
});

/** Each file exists and names the row, and there is one unless the row waits for something. */
function expectHeld(_title: string, { ids, text, files }: Row): void {
  if (!text.includes('comes with')) expect(files).not.toEqual([]);
  for (const file of files) {
    const url = new URL(file, DOCUMENT);
    expect(existsSync(url), file).toBe(true);
    const code = readFileSync(url, 'utf8');
    for (const id of ids) expect(code, `${file} names ${id}`).toMatch(new RegExp(`\\b${id}\\b`));
  }
}

function rowOf(line: string, pattern: RegExp, idsOf: (label: string) => readonly string[]): Row[] {
  const label = pattern.exec(line)?.[1];
  if (label === undefined) return [];
  const files = [...line.matchAll(/\]\(([^)]+)\)/g)].map(([, file]) => file!);
  return [{ ids: idsOf(label), text: line, files }];
}

function expand(label: string): string[] {
  const [first, last = first] = label.slice('BUS-'.length).split('–').map(Number);
  return range(first!, last!).map(rowName);
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function rowName(number: number): string {
  return `BUS-${String(number).padStart(2, '0')}`;
}
