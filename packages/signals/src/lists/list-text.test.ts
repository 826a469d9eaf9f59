import { expect, it } from 'vitest';
import { countEntries } from './list-entries.js';
import { parseListTexts } from './list-text.js';

it('reads entries, comments and blank lines of several files as one list', () => {
  const entries = parseListTexts([
    { source: 'a.txt', text: '# ours\n192.0.2.0/24\n\n2001:db8::/32 # lab\r\n' },
    { source: 'b.txt', text: 'AS64500\nisp:Example Carrier' },
  ]);
  expect([entries.ipv4.size, entries.ipv6.size, countEntries(entries)]).toEqual([1, 1, 4]);
});

it('BUS-18: names file, line, value and expectation of what it refuses', () => {
  const read = (text: string) => () => parseListTexts([{ source: 'list.txt', text }]);
  expect(read('192.0.2.0/24\n\n192.0.2.1/24')).toThrow(/list\.txt:3 is .*192\.0\.2\.1\/24.*expected/);
  expect(read('10.0.0.0/33')).toThrow(/list\.txt:1/);
  expect(read('10.0.0.0/8\n10.0.0.0/8')).toThrow(/list\.txt:2 is .*10\.0\.0\.0\/8/);
  expect(read('hello')).toThrow(/list\.txt:1 is .*hello/);
});
