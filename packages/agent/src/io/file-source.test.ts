import { mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prefixTexts } from '@higgins/ipdata';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FileListSource } from './file-source.js';

let directory: string;
let source: FileListSource;
let events: string[];
let woken: PromiseWithResolvers<void>;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'higgins-list-'));
  events = [];
  woken = Promise.withResolvers();
});

afterEach(async () => {
  await source[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

it('delivers a list, a change, and a replacement by renaming, each once', async () => {
  write('list.txt', '# offices\n10.0.0.0/8 # all\n\n2001:db8::/32\n');
  start('list.txt');
  await event(1);
  write('list.txt', '10.0.0.0/8\n');
  await event(2);
  write('next.txt', '192.0.2.1\n');
  renameSync(join(directory, 'next.txt'), join(directory, 'list.txt'));
  await event(3);
  source.reload();
  write('list.txt', 'end');
  await event(4);
  expect(events.slice(0, 3)).toEqual([
    'value 1: 10.0.0.0/8 2001:db8::/32, hold, no deadline',
    'value 2: 10.0.0.0/8, hold, no deadline',
    'value 3: 192.0.2.1/32, hold, no deadline',
  ]);
});

it.each([
  ['10.0.0.0/8\n10.0.0.1/8\n', ':2 is "10.0.0.1/8", expected no bits behind the prefix length'],
  ['10.0.0.0/8\n# x\n\n10.0.0.0/8\n', ':4 is "10.0.0.0/8", expected a prefix that is not in the list yet'],
  ['fe80::1%eth0\n', ':1 is "fe80::1%eth0", expected'],
  ['AS64500\nisp:Example\n10.0.0.0/8\n', 'list.txt: entries: 1 AS numbers and 1 carriers, expected addresses'],
  ['AS0\n', ':1 is "AS0", expected'],
])('refuses %j with line, value and expectation', async (text, message) => {
  write('list.txt', text);
  start('list.txt');
  await event(1);
  expect(events[0]).toContain(message);
});

it('takes more entries than a list on the bus may have, and refuses a file of too many', async () => {
  write('list.txt', Array.from({ length: 1_000_001 }, () => '192.0.2.1').join('\n'));
  start('list.txt');
  await event(1);
  expect(events[0]).toMatch(/^refused 1: .*list\.txt: entries is "1000001 entries", expected at most 1000000 entries$/);
  await source[Symbol.asyncDispose]();
  const entries = Array.from(
    { length: 100_001 },
    (_, index) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
  );
  write('list.txt', entries.join('\n'));
  start('list.txt');
  await event(2);
  expect(events[1]).toMatch(/^value 1: /);
});

it('refuses a file that is not there, and takes it once it is', async () => {
  start('list.txt');
  await event(1);
  expect(events[0]).toMatch(/^refused 1: .*list\.txt: can't be read: ENOENT/);
  write('list.txt', '10.0.0.0/8\n');
  await event(2);
  expect(events.at(-1)).toContain('10.0.0.0/8');
});

it('BUS-52: gives a list a life from its modification, which touching renews and no clock lengthens', async () => {
  write('list.txt', '10.0.0.0/8\n');
  utimesSync(join(directory, 'list.txt'), 90, 90);
  start('list.txt', 60_000);
  await event(1);
  utimesSync(join(directory, 'list.txt'), 99, 99);
  source.reload();
  await event(2);
  utimesSync(join(directory, 'list.txt'), 5_000, 5_000);
  source.reload();
  await event(3);
  expect(events).toEqual([
    'value 1: 10.0.0.0/8, hold, 57000',
    'value 2: 10.0.0.0/8, hold, 66000',
    'value 3: 10.0.0.0/8, hold, 67000',
  ]);
});

function start(name: string, ttlMs: number | null = null): void {
  const clock = { bootMs: () => 7_000, wallMs: () => 100_000 };
  source = new FileListSource([{ track: 'a/b', path: join(directory, name), onExpiry: 'hold', ttlMs }], clock);
  const push = (text: string) => {
    if (events.at(-1) !== text) events.push(text);
    woken.resolve();
    woken = Promise.withResolvers();
  };
  source.start({
    value: (_, { group, ipv4, ipv6, onExpiry, deadlineBootMs }) =>
      push(
        `value ${group}: ${[...prefixTexts(ipv4), ...prefixTexts(ipv6)].join(' ')}, ${onExpiry}, ${deadlineBootMs ?? 'no deadline'}`,
      ),
    refused: (_, { group, reason }) => push(`refused ${group}: ${reason}`),
    deleted: () => push('deleted'),
    connected: () => {},
  });
}

function write(name: string, text: string): void {
  writeFileSync(join(directory, name), text);
}

/** Waits for the event of that number; the test's time limit is the bound. */
async function event(number: number): Promise<void> {
  while (events.length < number) await woken.promise;
}
