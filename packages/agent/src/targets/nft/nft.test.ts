import { execFileSync } from 'node:child_process';
import { parseIpSet } from '@higgins/ipdata';
import { Netlink } from '@higgins/netlink';
import type { ExpiryMode } from '@higgins/signals';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { describeInNamespace } from '../../../../../test/support/namespace.js';
import { Peer } from '../../../../../test/support/peer.js';
import { until } from '../../../../../test/support/until.js';
import type { ListValue } from '../../core/list.js';
import { NftListTarget } from './apply.js';
import { describeOperations } from './describe.js';
import { type EnforceResult, enforce } from './enforce.js';
import { intervalsOf } from './intervals.js';
import type { ActualList, DesiredList, Enforcement } from './model.js';
import { NftStructure } from './structure.js';
import { NftTarget } from './target.js';
import { Witness } from './witness.js';

const TABLE = 'higgins';
const LISTED = '10.9.1.1';
const OTHER = '10.9.2.1';
const bootMs = () => performance.now();

await describeInNamespace('nft target', import.meta.filename, ['network', 'user'], () => {
  let peer: Peer;

  beforeEach(async () => {
    execFileSync('nft', ['flush', 'ruleset']);
    peer = await Peer.create(
      ['10.9.0.1/16', 'fd09::1/64'],
      ['10.9.0.2/16', `${LISTED}/16`, `${OTHER}/16`, 'fd09::2/64'],
    );
  });

  afterEach(() => peer[Symbol.asyncDispose]());

  it('refuses what a block list holds, over IPv4 and IPv6, and nothing else', async () => {
    const { put } = await list({});
    const ipv4 = await peer.send('10.9.0.1', [LISTED, OTHER], 2);
    const ipv6 = await peer.send('fd09::1', ['fd09::2'], 2);
    await Promise.all([ipv4.next(LISTED), ipv6.next('fd09::2')]);
    await put({ entries: ['10.9.1.0/24', 'fd09::2/128'] });
    await expectBlocked(ipv4, LISTED, OTHER);
    const blocked = ipv6.count('fd09::2');
    await ipv4.next(OTHER);
    expect(ipv6.count('fd09::2')).toBe(blocked);
    await put({ entries: ['10.9.2.0/24'] });
    await expectBlocked(ipv4, OTHER, LISTED);
    await ipv6.next('fd09::2');
  });

  it('lets only what an allow list holds pass, and never cuts off neighbour discovery', async () => {
    const { put } = await list({ action: 'allow' });
    await put({ entries: ['10.9.1.0/24'] });
    const arrivals = await peer.send('10.9.0.1', [LISTED, OTHER], 2);
    await arrivals.next(LISTED);
    await arrivals.next(LISTED);
    expect(arrivals.count(OTHER)).toBe(0);
  });

  it('never cuts off a relay: its address and port pass a closed list, the same address with another port does not', async () => {
    const { put, structure } = await list({ action: 'allow' });
    structure.setRelays([
      { address: '10.9.0.2', port: 4433 },
      { address: 'fd09::2', port: 4433 },
    ]);
    expect(await structure.ensure()).toBe(true);
    expect(await structure.ensure()).toBe(false);
    await put({ entries: ['192.0.2.0/24'], deadlineBootMs: bootMs() - 1, onExpiry: 'closed' });
    const arrivals = await peer.send('10.9.0.1', ['10.9.0.2@4433', '10.9.0.2@4434', LISTED], 2);
    const arrivals6 = await peer.send('fd09::1', ['fd09::2@4433', 'fd09::2'], 2);
    for (let packet = 0; packet < 10; packet++) {
      await Promise.all([arrivals.next('10.9.0.2@4433'), arrivals6.next('fd09::2@4433')]);
    }
    expect([arrivals.count('10.9.0.2@4434'), arrivals.count(LISTED), arrivals6.count('fd09::2')]).toEqual([0, 0, 0]);
  });

  it('BUS-134: a second agent finds all in place and sends nothing', async () => {
    const desired = {
      entries: ['10.9.1.0/24', 'fd09::/64'],
      deadlineBootMs: bootMs() + 60_000,
      onExpiry: 'closed' as const,
    };
    const first = await list({});
    await first.put(desired);
    const generation = await new Netlink().generation();
    const second = await list({}, first.fingerprint);
    const { operations, appliedBootMs } = await second.put(desired);
    expect(describeOperations(operations)).toBe('');
    expect(appliedBootMs).toBeNull();
    expect(await new Netlink().generation()).toBe(generation);
  });

  it('BUS-45, BUS-51: the kernel ends a list on time with nobody left to tell it', async () => {
    const { put } = await list({});
    const arrivals = await peer.send('10.9.0.1', [LISTED, OTHER], 2);
    await arrivals.next(OTHER);
    const deadlineBootMs = bootMs() + 1_000;
    await put({ entries: ['10.9.1.0/24'], deadlineBootMs, onExpiry: 'open' });
    // What was under way when the list took effect has arrived before packets that were sent later.
    for (let packet = 0; packet < 3; packet++) await arrivals.next(OTHER);
    expect(await arrivals.next(LISTED)).toBeGreaterThan(deadlineBootMs - 5);
  });

  for (const [mode, atExpiry] of [
    ['open', 'passes'],
    ['unset', 'passes'],
    ['closed', 'is refused'],
    ['hold', 'is refused'],
  ] as const) {
    it(`BUS-46: expired with the mode ${mode}, what was listed ${atExpiry}`, async () => {
      const { put, target } = await list({});
      const deadlineBootMs = bootMs() + 300;
      await put({ entries: ['10.9.1.0/24'], deadlineBootMs, onExpiry: mode });
      await until(async () => (await target.verify()).sentinels.ipv4 === null);
      const arrivals = await peer.send('10.9.0.1', [LISTED, OTHER], 2);
      if (mode === 'hold') await expectBlocked(arrivals, LISTED, OTHER);
      else if (mode === 'closed') await until(async () => counted('blocked_closed') > 20);
      else await Promise.all([arrivals.next(LISTED), arrivals.next(OTHER)]);
      if (mode === 'closed') expect([arrivals.count(LISTED), arrivals.count(OTHER)]).toEqual([0, 0]);
    });
  }

  it('BUS-89: packets see the old or the new list while large lists replace each other', async () => {
    const { put } = await list({ batchBytesMax: 20_000 });
    const filler = Array.from({ length: 3_000 }, (_, index) => `172.${16 + (index >> 8)}.${index & 255}.0/28`);
    const versions = [
      [...filler.slice(0, 2_000), '10.9.1.0/24', '10.9.2.0/24'],
      [...filler.slice(1_000), '10.9.1.0/25', '10.9.2.0/25'],
      [...filler.slice(500, 1_500), '10.9.1.0/26', '10.9.2.0/26'],
    ];
    await put({ entries: versions[0]! });
    const arrivals = await peer.send('10.9.0.1', [LISTED, OTHER, '10.9.0.2'], 1);
    await arrivals.next('10.9.0.2');
    for (let round = 0; round < 20; round++) {
      const { operations } = await put({ entries: versions[(round + 1) % 3]! });
      expect(operations.length).toBeGreaterThan(2);
      await arrivals.next('10.9.0.2');
    }
    expect([arrivals.count(LISTED), arrivals.count(OTHER)]).toEqual([0, 0]);
  });

  it('BUS-89: a small change is one batch that packets see whole', async () => {
    const { put } = await list({});
    await put({ entries: ['10.9.1.0/24'] });
    const arrivals = await peer.send('10.9.0.1', [LISTED, '10.9.0.2'], 1);
    await arrivals.next('10.9.0.2');
    for (let round = 0; round < 40; round++) {
      const { operations } = await put({ entries: [round % 2 === 0 ? '10.9.1.0/25' : '10.9.1.0/24'] });
      expect(operations).toHaveLength(1);
    }
    await arrivals.next('10.9.0.2');
    expect(arrivals.count(LISTED)).toBe(0);
  });

  it('BUS-49: a renewal touches the sentinel alone', async () => {
    const { put } = await list({});
    const entries = ['10.9.1.0/24'];
    await put({ entries, deadlineBootMs: bootMs() + 5_000 });
    const { operations, actual } = await put({ entries, deadlineBootMs: bootMs() + 50_000 });
    expect(operations.flatMap(({ steps }) => steps.map((step) => step.kind))).toEqual(['verdicts']);
    expect(actual.sentinels.ipv4!.expiresBootMs! - bootMs()).toBeGreaterThan(40_000);
  });

  it('BUS-52: the kernel ends a list at its deadline, however it moved and whatever else was in the batch', async () => {
    const { put } = await list({});
    const many = Array.from({ length: 5_000 }, (_, index) => `172.${16 + (index >> 8)}.${index & 255}.0/28`);
    const first = bootMs() + 60_000;
    for (const [entries, deadlineBootMs] of [
      [many, first],
      [many, first - 8],
      [many.slice(1_000), first - 40],
      [many, first + 5_000],
    ] as const) {
      await put({ entries, deadlineBootMs });
      const endsBootMs = await sentinelEnd();
      expect(endsBootMs).toBeGreaterThan(deadlineBootMs - 5);
      expect(endsBootMs).toBeLessThan(deadlineBootMs + 30);
    }
  });

  it('repairs what somebody deleted: elements, sentinel, table', async () => {
    const { put, structure } = await list({});
    const entries = ['10.9.1.0/24', '10.9.3.0/24'];
    const { actual } = await put({ entries });
    for (const damage of [
      ['delete', 'element', 'inet', TABLE, 'blocked_ipv4_0', '{ 10.9.1.0/24 }'],
      ['add', 'element', 'inet', TABLE, 'blocked_ipv4_0', '{ 10.9.7.0/24 }'],
      ['delete', 'element', 'inet', TABLE, 'blocked_alive', '{ ipv4 }'],
      ['flush', 'chain', 'inet', TABLE, 'blocked_guard'],
      ['delete', 'table', 'inet', TABLE],
    ]) {
      execFileSync('nft', damage);
      await structure.ensure();
      const repaired = await put({ entries });
      expect({ ...repaired.actual, generation: 0 }).toEqual({ ...actual, generation: 0 });
      expect(await structure.ensure()).toBe(false);
    }
  });

  it('empties the slot that a large change left with the next verification, and then has nothing more to look at', async () => {
    const { enforcement } = await list({});
    const netlink = new Netlink();
    const store = { read: async () => null, write: async () => {} };
    const lists = [{ enforcement, onExpiry: null }];
    const target = new NftTarget({ table: TABLE, lists, netlink, store, bootMs, batchBytesMax: 10_000 });
    const put = (value: ListValue) => target.enforce('blocked', value, AbortSignal.timeout(20_000));
    await target.beginVerification();
    await put(large(1));
    expect(await target.changedByOthers()).toBe(false);
    const latest = large(2);
    expect((await put(latest)).transactions).toBeGreaterThan(2);
    expect(await target.changedByOthers()).toBe(true);
    await target.beginVerification();
    expect((await put(latest)).transactions).toBe(0);
    expect(execFileSync('nft', ['list', 'set', 'inet', TABLE, 'blocked_ipv4_0'], { encoding: 'utf8' })).not.toContain(
      'elements',
    );
    expect(await target.changedByOthers()).toBe(false);
    execFileSync('nft', ['add', 'table', 'inet', 'other']);
    expect(await target.changedByOthers()).toBe(true);
  });

  it('says that nft reads back something else', async () => {
    const { put, target } = await list({});
    const entries = ['10.9.1.0/24', '10.9.3.7/32', '10.9.5.0/24', '10.9.6.0/25', 'fd09::/64', 'fd0a::/127'];
    const { actual, operations } = await put({ entries });
    const witness = new Witness(TABLE, target.id);
    const wanted = (...texts: string[]) => desiredOf({ entries: texts });
    await expect(witness.check(wanted(), actual)).resolves.toBeUndefined();
    witness.read(operations);
    await expect(witness.check(wanted(...entries), actual)).resolves.toBeUndefined();
    for (const [others, message] of [
      [entries.slice(1), 'nft reads 3 intervals from set blocked_ipv4_0, expected 2'],
      [['10.9.8.0/24', ...entries.slice(1)], 'nft reads 3 intervals from set blocked_ipv4_0, expected 3 others'],
      [entries.slice(0, 5), 'nft reads 2 intervals from set blocked_ipv6_0, expected 1'],
    ] as const) {
      await expect(witness.check(wanted(...others), actual)).rejects.toMatchObject({
        code: 'read-back-differs',
        message,
      });
    }
  });

  it('holds 20,000 prefixes, filled in small batches', async () => {
    const { put } = await list({ batchBytesMax: 60_000 });
    const ipv4 = Array.from(
      { length: 10_000 },
      (_, index) => `${100 + (index >> 13)}.${(index >> 5) & 255}.${(index & 31) * 8}.0/22`,
    );
    const ipv6 = Array.from({ length: 10_000 }, (_, index) => `2001:db8:${(index * 2).toString(16)}::/48`);
    await put({ entries: ['10.9.1.0/24'] });
    const { actual, operations } = await put({ entries: [...ipv4, ...ipv6] });
    expect(operations.length).toBeGreaterThan(10);
    expect([actual.slots[1].ipv4.count, actual.slots[1].ipv6.count]).toEqual([10_000, 10_000]);
    const again = await put({ entries: [...ipv4, ...ipv6] });
    expect(describeOperations(again.operations)).toContain('flush blocked_ipv4_0');
  });
});

interface ListOptions {
  readonly action?: 'block' | 'allow';
  readonly batchBytesMax?: number;
}

interface Value {
  readonly entries: readonly string[];
  readonly deadlineBootMs?: number;
  readonly onExpiry?: ExpiryMode;
}

async function list(options: ListOptions, fingerprint = { value: null as string | null }) {
  const enforcement: Enforcement = {
    id: 'blocked',
    hook: 'prerouting',
    priority: -150,
    interfaces: ['eth0'],
    ports: { tcp: [], udp: [] },
    match: 'source',
    action: options.action ?? 'block',
    refusal: 'drop',
    initialExpiry: 'unset',
  };
  const netlink = new Netlink();
  const store = {
    read: async () => fingerprint.value,
    write: async (value: string) => {
      fingerprint.value = value;
    },
  };
  const structure = new NftStructure({ table: TABLE, enforcements: [enforcement], netlink, store });
  await structure.ensure();
  const { batchBytesMax } = options;
  const target = new NftListTarget({
    table: TABLE,
    enforcement,
    netlink,
    bootMs,
    ...(batchBytesMax ? { batchBytesMax } : {}),
  });
  let known: ActualList | null = null;
  const put = async (value: Value): Promise<EnforceResult> => {
    const desired = desiredOf(value);
    const witness = new Witness(TABLE, target.id);
    const result = await enforce(target, desired, {
      known,
      bootMs,
      signal: AbortSignal.timeout(20_000),
      repair: () => structure.ensure(),
      applied: (operations) => witness.read(operations),
    });
    known = result.actual;
    await witness.check(desired, result.actual);
    return result;
  };
  return { enforcement, structure, target, put, fingerprint };
}

/** When the kernel will remove the sentinel, by the median of several readings. */
async function sentinelEnd(): Promise<number> {
  const netlink = new Netlink();
  const ends: number[] = [];
  for (let reading = 0; reading < 5; reading++) {
    const { sets } = await netlink.snapshot({ family: 'inet', name: TABLE }, [
      { set: 'blocked_alive', layout: 'plain' },
    ]);
    ends.push(bootMs() + sets[0]!.expiresMs[0]!);
  }
  return Math.min(...ends);
}

/** 500 prefixes that no other version has. */
function large(version: number): ListValue {
  const texts = Array.from({ length: 500 }, (_, index) => `10.${version * 10 + (index >> 8)}.${index & 255}.0/28`);
  const endless = { deadlineBootMs: null, ttlMs: null, publishedWallMs: null };
  return { group: version, version, ...parseIpSet(texts), onExpiry: 'unset', ...endless };
}

function desiredOf({ entries, deadlineBootMs, onExpiry }: Value): DesiredList {
  const { ipv4, ipv6 } = parseIpSet(entries);
  return {
    ipv4: intervalsOf(ipv4),
    ipv6: intervalsOf(ipv6),
    deadlineBootMs: deadlineBootMs ?? null,
    onExpiry: onExpiry ?? 'unset',
  };
}

/** The blocked source stays silent while many packets of the other one come through. */
async function expectBlocked(
  arrivals: { count(source: string): number; next(source: string): Promise<number> },
  blocked: string,
  passing: string,
) {
  await arrivals.next(passing);
  const before = arrivals.count(blocked);
  for (let packet = 0; packet < 10; packet++) await arrivals.next(passing);
  expect(arrivals.count(blocked)).toBe(before);
}

/** Packets that a chain's first counter has seen. */
function counted(chain: string): number {
  const text = execFileSync('nft', ['list', 'chain', 'inet', TABLE, chain], { encoding: 'utf8' });
  return Number(/packets (\d+)/.exec(text)?.[1]);
}
