import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { describeInNamespace } from '../../../test/support/namespace.js';
import { until } from '../../../test/support/until.js';
import { Netlink } from './netlink.js';
import type { Entries, SetOperation } from './operations.js';

const TABLE = { family: 'inet', name: 'edge' } as const;

await describeInNamespace('netlink', import.meta.filename, ['network', 'user'], (kind) => {
  it('reads intervals back as they were written, to the end of the address space', async () => {
    loadTable();
    const netlink = new Netlink();
    const keys = intervals([0x0a000000, 0x0affffff], [0x0b000000, 0x0b0000ff], [0xff000000, 0xffffffff]);
    await netlink.commit(TABLE, [{ kind: 'add', set: 'networks', ...keys }]);
    const { sets } = await netlink.snapshot(TABLE, [{ set: 'networks', layout: 'interval' }]);
    expect(sets[0]!.keys).toEqual(keys.keys);
    expect(nftElements('networks')).toEqual(['10.0.0.0/8', '11.0.0.0/24', '255.0.0.0/8']);
  });

  it('keeps one generation between two reads and refuses a batch of an older one', async () => {
    loadTable();
    const netlink = new Netlink();
    const generation = await netlink.generation();
    nft('add element inet edge networks { 192.0.2.0/24 }');
    const flush: SetOperation[] = [{ kind: 'flush', set: 'networks' }];
    await expect(netlink.commit(TABLE, flush, generation)).rejects.toMatchObject({ code: 'generation-changed' });
    expect(nftElements('networks')).toEqual(['192.0.2.0/24']);
    await netlink.commit(TABLE, flush, await netlink.generation());
    expect(nftElements('networks')).toEqual([]);
  });

  it('applies all operations of a batch or none, and names the one that failed', async () => {
    loadTable();
    const netlink = new Netlink();
    const batch: SetOperation[] = [
      { kind: 'add', set: 'networks', ...intervals([1, 2]) },
      { kind: 'delete', set: 'networks', ...intervals([0x0a000000, 0x0a0000ff]) },
    ];
    await expect(netlink.commit(TABLE, batch)).rejects.toMatchObject({ code: 'not-found', operation: 1 });
    expect(nftElements('networks')).toEqual([]);
    const missing = netlink.commit({ family: 'inet', name: 'absent' }, [{ kind: 'flush', set: 'networks' }]);
    await expect(missing).rejects.toMatchObject({ code: 'not-found', operation: 0 });
    const overlap = netlink.commit(TABLE, [
      { kind: 'add', set: 'networks', ...intervals([0x0a000000, 0x0affffff]) },
      { kind: 'add', set: 'networks', ...intervals([0x0a010000, 0x0b000000]) },
    ]);
    await expect(overlap).rejects.toMatchObject({ code: 'exists', operation: 1 });
  });

  it('refuses a batch beyond the send buffer before it is sent', async () => {
    loadTable();
    const netlink = new Netlink({ sendBufferBytes: 16_384 });
    expect(netlink.batchBytesMax).toBeLessThan(20_000);
    const batch: SetOperation[] = [{ kind: 'add', set: 'networks', ...manyIntervals(2_000) }];
    expect(netlink.encodedBytes(TABLE, batch)).toBeGreaterThan(netlink.batchBytesMax);
    await expect(netlink.commit(TABLE, batch)).rejects.toMatchObject({ code: 'too-large' });
    expect(nftElements('networks')).toEqual([]);
  });

  it('carries 20,000 intervals across many messages', async () => {
    loadTable();
    const netlink = new Netlink();
    const entries = manyIntervals(20_000);
    await netlink.commit(TABLE, [{ kind: 'add', set: 'networks', ...entries }]);
    const { sets } = await netlink.snapshot(TABLE, [{ set: 'networks', layout: 'interval' }]);
    expect(sets[0]!.count).toBe(20_000);
    expect(sets[0]!.keys).toEqual(entries.keys);
  });

  it('renews and redirects a timed verdict with add, delete, add in one batch', async () => {
    loadTable();
    const netlink = new Netlink();
    const alive = (verdict: string, timeoutMs: number) => ({
      set: 'alive',
      keys: Uint8Array.of(2),
      keyBytes: 1,
      verdicts: [verdict],
      timeoutsMs: Float64Array.of(timeoutMs),
    });
    await netlink.commit(TABLE, [{ kind: 'add', ...alive('goto one', 60_000) }]);
    await netlink.commit(TABLE, [
      { kind: 'add', ...alive('goto one', 60_000) },
      { kind: 'delete', ...alive('goto one', 60_000) },
      { kind: 'add', ...alive('goto two', 20_000) },
    ]);
    const { sets } = await netlink.snapshot(TABLE, [{ set: 'alive', layout: 'plain' }]);
    expect(sets[0]!.verdicts).toEqual(['goto two']);
    expect(sets[0]!.timeoutsMs[0]).toBe(20_000);
    expect(sets[0]!.expiresMs[0]).toBeGreaterThan(10_000);
    expect(sets[0]!.expiresMs[0]).toBeLessThanOrEqual(20_000);
  });

  it('ends an element at its time, counted from the call: at once if that is past, whatever stood in the queue', async () => {
    loadTable();
    const netlink = new Netlink();
    const ends = (endsInMs: number) => ({
      kind: 'add' as const,
      set: 'alive',
      keys: Uint8Array.of(2),
      keyBytes: 1,
      verdicts: ['goto one'],
      endsInMs: Float64Array.of(endsInMs),
    });
    const filling = netlink.commit(TABLE, [{ kind: 'add', set: 'networks', ...manyIntervals(20_000) }]);
    const calledMs = performance.now();
    const adding = netlink.commit(TABLE, [ends(20_000)]);
    await Promise.all([filling, adding]);
    const readMs = performance.now();
    const { sets } = await netlink.snapshot(TABLE, [{ set: 'alive', layout: 'plain' }]);
    const endMs = readMs + sets[0]!.expiresMs[0]!;
    expect(endMs).toBeGreaterThan(calledMs + 20_000 - 5);
    expect(endMs).toBeLessThan(calledMs + 20_000 + 30);
    await netlink.commit(TABLE, [{ ...ends(0), kind: 'delete' }, ends(-5)]);
    await until(async () => (await netlink.snapshot(TABLE, [{ set: 'alive', layout: 'plain' }])).sets[0]!.count === 0);
    const wrong = { ...ends(0), endsInMs: Float64Array.of(1, 2) };
    await expect(netlink.commit(TABLE, [wrong])).rejects.toMatchObject({ code: 'refused' });
  });

  it('fills a map of concatenated keys and values, and a concatenation with intervals', async () => {
    loadTable();
    const netlink = new Netlink();
    const backend = {
      keys: Uint8Array.of(0, 0, 0, 7),
      keyBytes: 4,
      values: Uint8Array.of(10, 2, 0, 11, 0x1f, 0x90, 0, 0),
    };
    const service = Uint8Array.of(10, 0, 0, 0, 0, 80, 0, 0, 10, 0, 0, 255, 0, 90, 0, 0);
    await netlink.commit(TABLE, [
      { kind: 'add', set: 'slots', ...backend, valueBytes: 8 },
      { kind: 'add', set: 'services', keys: service, keyBytes: 8, layout: 'range' },
    ]);
    const { sets } = await netlink.snapshot(TABLE, [
      { set: 'slots', layout: 'plain' },
      { set: 'services', layout: 'range' },
    ]);
    expect(sets[0]!.values).toEqual(backend.values);
    expect(sets[1]!.keys).toEqual(service);
    expect(nft('list set inet edge services')).toContain('10.0.0.0/24 . 80-90');
  });

  it('creates and deletes a set', async () => {
    loadTable();
    const netlink = new Netlink();
    const shape = { flags: 4, keyType: 7, keyBytes: 4 };
    await netlink.commit(TABLE, [
      { kind: 'create-set', set: 'fresh', ...shape },
      { kind: 'add', set: 'fresh', ...intervals([0xc0000200, 0xc00002ff]) },
    ]);
    expect(nftElements('fresh')).toEqual(['192.0.2.0/24']);
    await netlink.commit(TABLE, [{ kind: 'delete-set', set: 'fresh' }]);
    expect(nft('list table inet edge')).not.toContain('fresh');
  });

  it('counts and deletes tracked flows by filter', async () => {
    nft('flush ruleset');
    nft(
      'add table inet edge; add chain inet edge in { type filter hook input priority 0; }; add rule inet edge in ct state new accept',
    );
    execFileSync('ip', ['link', 'set', 'lo', 'up']);
    await exchange(['127.0.0.1', '127.0.0.2', '127.0.0.2']);
    const netlink = new Netlink();
    const toSecond = { protocol: 17, original: { destination: '127.0.0.2' } };
    expect(await netlink.countFlows({ protocol: 17 })).toBe(3);
    expect(await netlink.countFlows(toSecond)).toBe(2);
    expect(await netlink.deleteFlows(toSecond)).toBe(2);
    expect(await netlink.countFlows({ protocol: 17 })).toBe(1);
    await expect(netlink.countFlows({ original: { source: 'nowhere' } })).rejects.toMatchObject({ code: 'refused' });
  });

  it('reads what a table consists of, and tells when a rule or a hook is another', async () => {
    loadTable();
    nft(
      'add counter inet edge seen; add limit inet edge slow { rate 1/second; }; add chain inet edge in { type filter hook input priority 0; }',
    );
    const netlink = new Netlink();
    const before = (await netlink.structure(TABLE))!;
    expect(before.chains).toEqual(['one', 'two', 'in']);
    expect([before.sets, before.maps]).toEqual([
      ['networks', 'services'],
      ['slots', 'alive'],
    ]);
    expect(before.objects).toEqual(
      new Map([
        ['seen', 'counter'],
        ['slow', 'limit'],
      ]),
    );
    expect(before.generation).toBe(await netlink.generation());
    nft('add element inet edge networks { 192.0.2.0/24 }');
    expect((await netlink.structure(TABLE))!.rules).toEqual(before.rules);
    nft('add rule inet edge in ip saddr @networks counter name "seen" drop');
    const after = (await netlink.structure(TABLE))!;
    expect(after.rules).not.toEqual(before.rules);
    expect(Buffer.from(after.rules).toString('latin1')).toContain('networks');
    expect(await netlink.structure({ family: 'inet', name: 'absent' })).toBeNull();
  });

  it('counts and deletes tracked flows by their mark, and reads named counters', async () => {
    nft('flush ruleset');
    nft(`table inet edge {
	counter seen { }
	chain in {
		type filter hook input priority 0;
		ip daddr 127.0.0.3 ct mark set 0x4c000001 counter name "seen"
		ip daddr 127.0.0.4 ct mark set 0x4c000002
	}
}`);
    execFileSync('ip', ['link', 'set', 'lo', 'up']);
    await exchange(['127.0.0.3', '127.0.0.3', '127.0.0.4', '127.0.0.5']);
    const netlink = new Netlink();
    const marked = { mark: 0x4c000000, markMask: 0xff000000, openOnly: true };
    const expected = [
      [0x4c000001, 2],
      [0x4c000002, 1],
    ] as const;
    expect(await netlink.countFlowsByMark(marked)).toEqual(new Map(expected));
    expect(await netlink.deleteFlows({ mark: 0x4c000001 })).toBe(2);
    expect(await netlink.countFlows(marked)).toBe(1);
    expect(await netlink.counters(TABLE)).toEqual(new Map([['seen', { packets: 2, bytes: 66 }]]));
    expect(await netlink.counters({ family: 'inet', name: 'absent' })).toEqual(new Map());
  });

  if (kind === 'user') {
    it('may not have a larger send buffer than wmem_max allows', () => {
      const doubled = Number(execFileSync('sysctl', ['-n', 'net.core.wmem_max'], { encoding: 'utf8' })) * 2;
      expect(new Netlink().batchBytesMax).toBeLessThanOrEqual(doubled);
    });
  }
});

function loadTable(): void {
  nft('flush ruleset');
  nft(`table inet edge {
	set networks { type ipv4_addr; flags interval; }
	set services { type ipv4_addr . inet_service; flags interval; }
	map slots { typeof numgen inc mod 251 : ip daddr . th dport; }
	chain one { drop; }
	chain two { accept; }
	map alive { typeof meta nfproto : verdict; flags timeout; }
}`);
}

function nft(command: string): string {
  return execFileSync('nft', ['-f', '-'], { input: `${command}\n`, encoding: 'utf8' });
}

function nftElements(set: string): string[] {
  const { nftables } = JSON.parse(
    execFileSync('nft', ['-j', 'list', 'set', 'inet', 'edge', set], { encoding: 'utf8' }),
  ) as {
    nftables: { set?: { elem?: { prefix: { addr: string; len: number } }[] } }[];
  };
  const elements = nftables.flatMap((item) => item.set?.elem ?? []);
  return elements.map(({ prefix }) => `${prefix.addr}/${prefix.len}`);
}

function intervals(...pairs: readonly (readonly [number, number])[]): Entries {
  const keys = new Uint8Array(pairs.length * 8);
  const view = new DataView(keys.buffer);
  pairs.forEach(([first, last], index) => {
    view.setUint32(index * 8, first);
    view.setUint32(index * 8 + 4, last);
  });
  return { keys, keyBytes: 4, layout: 'interval' };
}

function manyIntervals(count: number): Entries {
  return intervals(...Array.from({ length: count }, (_, index) => [index * 512, index * 512 + 255] as const));
}

/** One datagram from a socket of its own to each address. */
async function exchange(addresses: readonly string[]): Promise<void> {
  const server = createSocket('udp4').bind(0, '0.0.0.0');
  await once(server, 'listening');
  for (const address of addresses) {
    const client = createSocket('udp4');
    client.send('probe', server.address().port, address);
    await once(server, 'message');
    client.close();
  }
  server.close();
}
