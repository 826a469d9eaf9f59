import { expect, it } from 'vitest';
import { formatDuration, parseDurationMs } from './duration.js';
import { printable, table } from './output.js';

it('aligns columns and escapes what could drive a terminal', () => {
  expect(
    table(
      ['pop', 'version'],
      [
        ['fra1', 7],
        ['x\u001b[2J', 12],
      ],
    ),
  ).toBe('pop       version\nfra1      7\nx\\x1b[2J  12');
  expect(printable('a\u202eb')).toBe('a\\x202eb');
});

it('reads durations and names what is wrong with one', () => {
  expect(['250ms', '20s', '1.5m', '24h', '30d'].map((text) => parseDurationMs(text, '--ttl'))).toEqual([
    250, 20_000, 90_000, 86_400_000, 2_592_000_000,
  ]);
  expect(() => parseDurationMs('20', '--ttl')).toThrow('--ttl "20": expected a number with a unit, such as 20s or 24h');
});

it('writes durations for people', () => {
  expect([40, 1500, 90_000, 86_400_000].map(formatDuration)).toEqual(['40 ms', '1.5 s', '1.5 min', '1 d']);
});
