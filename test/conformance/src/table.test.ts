import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { drawRows } from './breaking.js';
import { pageOf } from './page.js';
import { codePlace, isImplemented, type Row, stateOf, testPlace } from './row.js';
import { SECTIONS } from './sections.js';
import { ROWS } from './table.js';
import { judge } from './verdict.js';
import { ROOT } from './workspace.js';

const implemented = Object.entries(ROWS).flatMap(([id, row]) => (isImplemented(row) ? [[id, row] as const] : []));

describe('the table', () => {
  it('BUS-65: has a row for each of the 343 sentences, in the order of the draft', () => {
    const ids = Array.from({ length: 343 }, (_, index) => `N${String(index + 1).padStart(3, '0')}`);
    expect(Object.keys(ROWS)).toEqual(ids);
    const order = SECTIONS.map(([number]) => number);
    const places = Object.values(ROWS).map(({ section }) => order.indexOf(section));
    expect(places.every((place, index) => place >= 0 && (index === 0 || place >= places[index - 1]!))).toBe(true);
  });

  it('names code and tests that there are', () => {
    const faults = implemented.flatMap(([id, row]) => [
      ...row.code
        .map(codePlace)
        .filter(({ file, symbol }) => !existsSync(join(ROOT, file)) || !hasSymbol(file, symbol))
        .map(({ file, symbol }) => `${id}: ${file} has no ${symbol}`),
      ...row.tests.map((test) => testPlace(id, test).file).filter((file) => !existsSync(join(ROOT, file))),
    ]);
    expect(faults).toEqual([]);
  });

  it('names for each row a change that can be made', () => {
    const faults = implemented.flatMap(([id, row]) => {
      const { file } = codePlace(row.code[0]);
      const [find, replacement] = row.broken;
      const times = readFileSync(join(ROOT, file), 'utf8').split(find).length - 1;
      return times === 1 && find !== replacement ? [] : [`${id}: "${find}" stands ${times} times in ${file}`];
    });
    expect(faults).toEqual([]);
  });

  it('leaves out no MUST without a reason', () => {
    const must = Object.entries(ROWS).filter(([, { keyword }]) => keyword.includes('MUST'));
    expect(must.filter(([, row]) => stateOf(row) === 'not followed')).toEqual([]);
  });
});

describe('the judgement', () => {
  const row: Row = {
    ...{ section: '2.1', keyword: 'MUST', says: 'something' },
    ...{ code: ['a.ts#a'], tests: ['a.test.ts', 'b.test.ts › by name'], broken: ['a', 'b'] },
  };
  const results = (status: string) =>
    new Map([
      ['a.test.ts', [{ title: 'suite N001: works', status }]],
      ['b.test.ts', [{ title: 'is found by name', status: 'passed' }]],
    ]);

  it('holds where every named test passed', () => {
    expect(judge({ N001: row }, results('passed')).faults).toEqual([]);
  });

  it.each(['failed', 'skipped', 'pending', 'todo'])('does not hold where one is %s', (status) => {
    expect(judge({ N001: row }, results(status)).faults).toHaveLength(1);
  });

  it('does not hold where one did not run, has another name, or a row is missing', () => {
    expect(judge({ N001: row }, new Map()).faults).toHaveLength(2);
    expect(judge({ N002: row }, results('passed')).faults).toEqual(['N002: a.test.ts has no test named "N002"']);
    const missing = { section: '2.1', keyword: 'MUST', says: 'something', missing: 'no time' };
    expect(judge({ N001: missing }, new Map())).toMatchObject({ counts: { missing: 1 }, faults: [expect.any(String)] });
  });

  it('draws the same rows for the same seed, and others for another', () => {
    expect(drawRows(ROWS, 7, 40)).toEqual(drawRows(ROWS, 7, 40));
    expect(drawRows(ROWS, 7, 40)).not.toEqual(drawRows(ROWS, 8, 40));
    expect(new Set(drawRows(ROWS, 7, 40)).size).toBe(40);
  });

  it('makes one line of the page for each row', () => {
    const page = pageOf({ N001: row });
    expect(page).toContain(
      '| N001 | MUST | something | [`a`](../a.ts); [a.test.ts](../a.test.ts), [by name](../b.test.ts) |',
    );
    expect(page).toContain('## 2.1 Objects');
  });
});

// `Class.member` is looked for as `member`, which follows the class.
function hasSymbol(file: string, symbol: string): boolean {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const [owner = '', member] = symbol.split('.');
  const at = text.search(new RegExp(`(class|function|const|interface|type) ${owner}\\b`));
  return at >= 0 && (member === undefined || new RegExp(`\\b${member}\\b`).test(text.slice(at)));
}
