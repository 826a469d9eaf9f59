import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Family } from '@higgins/balancing';
import { VirtualMachine, type VirtualRuntime, VirtualWorld } from '@higgins/runtime';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { until } from '../../../../../test/support/until.js';
import { LOOPBACKS } from '../checks/checks.fixture.js';
import { DnsResolver } from './dns-resolver.js';
import { type TestAnswer, TestDnsServer } from './dns-server.fixture.js';
import { dnsServer } from './dns-server.js';

const NXDOMAIN = 3;
const SERVFAIL = 2;
const REFUSED = 5;
const BOTH: readonly Family[] = [4, 6];
const { signal } = new AbortController();

let stack: AsyncDisposableStack;
let world: VirtualWorld;
let runtime: VirtualRuntime;
let directory: string;
let resolver: DnsResolver;

beforeEach(() => {
  stack = new AsyncDisposableStack();
  world = new VirtualWorld({ seed: 1 });
  runtime = new VirtualMachine(world, { name: 'node', uptimeMs: 0 }).start();
  directory = mkdtempSync(join(tmpdir(), 'higgins-names-'));
  resolver = new DnsResolver({
    clock: runtime,
    systemFiles: { resolvConf: file('resolv.conf'), hosts: file('hosts') },
  });
});

afterEach(async () => {
  await stack.disposeAsync();
  rmSync(directory, { recursive: true });
});

if (!LOOPBACKS.includes('::1')) it.skip('LOB-48: skipped: loopback has no IPv6 address', () => {});

it.each(LOOPBACKS)('LOB-48: asks a server at %s for A and AAAA, sorted, none twice, none unusable', async (host) => {
  const server = await serve(
    (_, type) =>
      type === 'A'
        ? records(60, '10.0.0.10', '10.0.0.9', '10.0.0.10', '0.0.0.0', '224.0.0.1', '255.255.255.255', '127.0.0.2')
        : records(30, 'fd00::10', 'fd00::9', '::', 'ff02::1'),
    host,
  );
  expect(await resolve('web.example', [server])).toEqual({
    addresses: ['10.0.0.9', '10.0.0.10', '127.0.0.2', 'fd00::9', 'fd00::10'],
    ttlMs: 30_000,
  });
  expect(server.questions.sort()).toEqual(['A web.example', 'AAAA web.example']);
  expect(await resolve('web.example', [server], [6])).toEqual({ addresses: ['fd00::9', 'fd00::10'], ttlMs: 30_000 });
});

it('LOB-25: asks the servers in order: one is down, one does not know the name, the third has it, the fourth is spared', async () => {
  const down = await deadServer();
  const ignorant = await serve(() => NXDOMAIN);
  const knowing = await serve((_, type) => (type === 'A' ? records(3, '10.0.0.1') : []));
  const spared = await serve(() => records(3, '10.0.0.2'));
  const servers = [down, ignorant.address, knowing.address, spared.address];
  expect(await resolve('web.example', servers)).toEqual({ addresses: ['10.0.0.1'], ttlMs: 3_000 });
  expect([ignorant, knowing, spared].map(({ questions }) => questions.length)).toEqual([2, 2, 0]);
});

it('LOB-25: goes on when a server fails or stays silent for its time', async () => {
  const failing = [await serve(() => SERVFAIL), await serve(() => REFUSED)];
  const silent = await serve(() => 'silence');
  const knowing = await serve((_, type) => (type === 'A' ? records(3, '10.0.0.1') : []));
  const answer = resolve(
    'web.example',
    [...failing, silent, knowing].map(({ address }) => address),
  );
  await until(() => silent.questions.length >= 2);
  await world.runFor(2_000);
  expect(await answer).toMatchObject({ addresses: ['10.0.0.1'] });
});

it('names every server and its reason when none has the name', async () => {
  const down = await deadServer();
  const servers = [
    await serve(() => NXDOMAIN),
    await serve(() => []),
    await serve(() => SERVFAIL),
    await serve((_, type) => (type === 'A' ? [] : REFUSED)),
    await serve((_, type) => (type === 'A' ? records(1, '0.0.0.0') : [])),
  ].map(({ address }) => address);
  const error = await resolve('web.example', [down, ...servers]).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ name: 'ResolutionError', code: 'no-answer' });
  expect(String((error as Error).message).split('; ')).toEqual([
    `name "web.example": ${down} refuses connections`,
    `${servers[0]} says that the name does not exist (NXDOMAIN)`,
    `${servers[1]} has no address of it`,
    `${servers[2]} failed (SERVFAIL)`,
    `${servers[3]} has no address of it for IPv4 and refuses to answer (REFUSED) for IPv6`,
    `${servers[4]} has no address that a member can have for IPv4 and has no address of it for IPv6`,
  ]);
});

it('LOB-28: an answer that leaves a family out says so, and is taken only if no server has a whole one', async () => {
  const half = await serve((_, type) => (type === 'A' ? records(9, '10.0.0.1') : SERVFAIL));
  const whole = await serve((_, type) => records(9, type === 'A' ? '10.0.0.2' : 'fd00::2'));
  expect(await resolve('web.example', [half, whole])).toEqual({ addresses: ['10.0.0.2', 'fd00::2'], ttlMs: 9_000 });
  expect(await resolve('web.example', [half])).toEqual({ addresses: ['10.0.0.1'], ttlMs: 9_000, unanswered: [6] });
  expect(await resolve('web.example', [half], [4])).toEqual({ addresses: ['10.0.0.1'], ttlMs: 9_000 });
});

it('LOB-60: keeps the lowest addresses of an answer that is too large', async () => {
  const all = Array.from({ length: 300 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
  const server = await serve((_, type) => (type === 'A' ? records(9, ...all.toReversed()) : []));
  const { addresses } = await resolve('web.example', [server]);
  expect(addresses).toEqual(all.slice(0, 256));
});

it('LOB-26: looks into the system’s table of names first, and sees at once when it changes', async () => {
  writeFileSync(
    file('hosts'),
    '# table\n127.0.0.1 localhost\n10.1.0.1\tWeb1 web1.example # here\nfd00::1 web1.example\n',
  );
  expect(await resolve('WEB1.example.', [])).toEqual({ addresses: ['10.1.0.1', 'fd00::1'], ttlMs: null });
  expect(await resolve('web1', [], [4])).toEqual({ addresses: ['10.1.0.1'], ttlMs: null });
  writeFileSync(file('next'), '10.1.0.2 web1.example\n');
  renameSync(file('next'), file('hosts'));
  expect(await resolve('web1.example', [])).toEqual({ addresses: ['10.1.0.2'], ttlMs: null });
});

it('takes names as they are: no search domain is tried', async () => {
  writeFileSync(file('resolv.conf'), 'search example\n');
  const server = await serve(() => NXDOMAIN);
  await expect(resolve('web.internal', [server])).rejects.toThrow(/NXDOMAIN/);
  expect(new Set(server.questions)).toEqual(new Set(['A web.internal', 'AAAA web.internal']));
});

it('LOB-31: a literal address stands for itself', async () => {
  expect(await resolve('10.0.0.1', ['192.0.2.1'])).toEqual({ addresses: ['10.0.0.1'], ttlMs: null });
  expect(await resolve('FD00:0::1', ['192.0.2.1'])).toEqual({ addresses: ['fd00::1'], ttlMs: null });
});

it.each([
  ['10.0.0.1', '10.0.0.1:53'],
  ['10.0.0.1:5353', '10.0.0.1:5353'],
  ['fd00::1', '[fd00::1]:53'],
  ['[fd00::1]', '[fd00::1]:53'],
  ['[fd00::1]:5353', '[fd00::1]:5353'],
  ['fe80::1%eth0', '[fe80::1%eth0]:53'],
])('LOB-48: takes the server %s', (text, server) => {
  expect(dnsServer(text)).toBe(server);
});

it('refuses a list of servers that holds something else', async () => {
  for (const server of ['dns.example', '10.0.0.1:0', '10.0.0.1:65536', 'fd00::1:x', '[10.0.0.1]:53', '']) {
    await expect(resolve('web.example', [server])).rejects.toMatchObject({ code: 'server' });
  }
});

it('ends with the signal’s reason, and leaves no timer', async () => {
  const silent = await serve(() => 'silence');
  const controller = new AbortController();
  const answer = resolver.resolve(order('web.example', [silent.address], BOTH), controller.signal);
  await until(() => silent.questions.length >= 2);
  const reason = new Error('shut down');
  controller.abort(reason);
  await expect(answer).rejects.toBe(reason);
  expect(world.pending).toBe(0);
});

it.each([
  ['not a name', /was not asked, for this is no domain name/],
  ['a..b', /was not asked/],
  [`${'a'.repeat(64)}.example`, /was not asked/],
])('refuses %j', async (host, message) => {
  const server = await serve(() => records(1, '10.0.0.1'));
  await expect(resolve(host, [server])).rejects.toThrow(message);
});

function order(host: string, servers: readonly string[], families: readonly Family[]) {
  return { host, families, resolution: { servers, ttlMs: null, members: 'all' as const } };
}

function resolve(host: string, servers: readonly (string | TestDnsServer)[], families = BOTH) {
  const addresses = servers.map((server) => (typeof server === 'string' ? server : server.address));
  return resolver.resolve(order(host, addresses, families), signal);
}

async function serve(answer: (name: string, type: 'A' | 'AAAA') => TestAnswer, host?: string): Promise<TestDnsServer> {
  return stack.use(await TestDnsServer.start(answer, host));
}

/** An address where nobody listens. */
async function deadServer(): Promise<string> {
  await using server = await TestDnsServer.start(() => 'silence');
  return server.address;
}

function records(ttl: number, ...addresses: string[]): TestAnswer {
  return addresses.map((address) => ({ address, ttl }));
}

function file(name: string): string {
  return join(directory, name);
}
