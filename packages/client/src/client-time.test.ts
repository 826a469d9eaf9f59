import { applied, organisationList } from '@higgins/signals';
import { describe, expect, it } from 'vitest';
import { Bench, collect, listOf, listParams, publishList } from './testing/bench.js';

const TTL_MS = 60_000;

async function pair(seed: number, latencyMs = 10) {
  const bench = new Bench(seed, { latencyMs });
  const origin = await bench.start('origin', []);
  await bench.listen(origin);
  const edge = await bench.start('edge', ['origin']);
  await bench.until('a session', () => edge.client.connected);
  return { bench, origin, edge };
}

describe('Client: time', () => {
  it('BUS-49: an unchanged value stays live while its publisher is well, for late joiners too, and nothing changes in it', async () => {
    const { bench, origin, edge } = await pair(21);
    const { updates } = collect(edge.client.subscribe(organisationList, listParams));
    await publishList(bench, origin, 1, TTL_MS);
    await bench.world.runFor(3 * TTL_MS);
    expect(updates.every((update) => update.current?.freshness === 'live')).toBe(true);
    expect(updates.map((update) => update.valueChanged)).toEqual([true, ...updates.slice(1).map(() => false)]);
    expect(updates.length).toBeGreaterThan(8);
    expect(new Set(updates.map((update) => update.current?.version))).toEqual(new Set([1]));
    const late = await bench.start('late', ['origin']);
    const subscription = late.client.subscribe(organisationList, listParams);
    await bench.until('a value', () => subscription.current !== null);
    expect(subscription.current).toMatchObject({ freshness: 'live', version: 1 });
  });

  it('BUS-43, BUS-45: cut off from everything, a value counts until its TTL ends, then expires once; a fresh one ends that', async () => {
    const { bench, origin, edge } = await pair(22);
    const { updates } = collect(edge.client.subscribe(organisationList, listParams));
    await publishList(bench, origin, 1, TTL_MS);
    await bench.world.runFor(100);
    bench.network.partition('origin', 'edge');
    await bench.world.runFor(4 * TTL_MS);
    const expired = updates.filter((update) => update.current?.freshness === 'expired');
    expect(expired).toHaveLength(1);
    expect(expired[0]?.current).toMatchObject({ version: 1, onExpiry: 'closed', condition: 'expired' });
    expect(expired[0]?.current?.remainingMs).toBeLessThanOrEqual(0);
    expect(expired[0]?.current?.ageMs).toBeCloseTo(TTL_MS, 3);
    expect(edge.client.counters.expiries).toBe(1);
    bench.network.healAll();
    await bench.until('a fresh value', () => updates.at(-1)?.current?.freshness === 'live', 60_000);
    expect(updates.at(-1)?.valueChanged).toBe(false);
  });

  it('BUS-47: what lay at its publisher is as old as it is to who joins late, also after a restart of the publisher', async () => {
    const { bench, origin } = await pair(24);
    await publishList(bench, origin, 1, TTL_MS);
    const publishedMs = bench.world.nowMs;
    const remainsOfTtl = async (name: string) => {
      const subscription = (await bench.start(name, ['origin'])).client.subscribe(organisationList, listParams);
      await bench.until('a value', () => subscription.current !== null);
      return (subscription.current?.remainingMs ?? 0) - (publishedMs + TTL_MS - bench.world.nowMs);
    };
    await bench.world.runFor(12_000);
    expect(Math.abs(await remainsOfTtl('late'))).toBeLessThan(25);
    origin.runtime.kill();
    await bench.world.runFor(3_000);
    await bench.listen(await bench.start('origin', []));
    expect(Math.abs(await remainsOfTtl('later'))).toBeLessThan(25);
  });

  it('BUS-39: a silent writer, an own lost connection and an expired value are three different conditions', async () => {
    const { bench, origin, edge } = await pair(23);
    const subscription = edge.client.subscribe(organisationList, listParams);
    const condition = () => subscription.current?.condition;
    await publishList(bench, origin, 1, TTL_MS);
    await bench.until('a value', () => condition() === 'ok');
    bench.network.resetConnections('edge', 'origin');
    await bench.until('the loss', () => condition() === 'disconnected', 1_000);
    expect(subscription.current?.freshness).toBe('live');
    await bench.until('the return', () => condition() === 'ok', 1_000);
    // The writer stops renewing, but its sessions go on.
    await bench.settle(origin.client.publisher[Symbol.asyncDispose]());
    await bench.until('silence', () => condition() === 'heartbeat-lost', TTL_MS);
    expect(subscription.current).toMatchObject({ freshness: 'stale', version: 1 });
    expect(edge.client.connected).toBe(true);
    await bench.until('the end', () => condition() === 'expired', TTL_MS);
    expect(edge.client.counters).toMatchObject({ stales: 1, expiries: 1, disconnects: 1 });
  });

  it('BUS-37: a client that restarts with the network gone has its value for the remaining TTL', async () => {
    const { bench, origin, edge } = await pair(24);
    edge.client.subscribe(organisationList, listParams);
    await publishList(bench, origin, 4, TTL_MS);
    const publishedMs = bench.world.nowMs;
    await bench.world.runFor(14_000);
    bench.network.partition('origin', 'edge');
    await bench.world.runFor(10_000);
    edge.runtime.kill();
    await bench.world.runFor(5_000);
    const again = await bench.start('edge', ['origin']);
    const subscription = again.client.subscribe(organisationList, listParams);
    const { updates } = collect(subscription);
    expect(subscription.current).toMatchObject({
      version: 4,
      value: listOf(4),
      freshness: 'live',
      condition: 'disconnected',
    });
    await bench.until('expiry', () => subscription.current?.freshness === 'expired', 2 * TTL_MS);
    expect(bench.world.nowMs - publishedMs).toBeGreaterThanOrEqual(TTL_MS);
    expect(bench.world.nowMs - publishedMs).toBeLessThan(TTL_MS + 30);
    expect(updates.at(-1)?.current?.condition).toBe('expired');
  });

  it('BUS-37: a client that restarts with damaged files goes on without them, and says so', async () => {
    const { bench, origin, edge } = await pair(25);
    edge.client.subscribe(organisationList, listParams);
    await publishList(bench, origin, 4, TTL_MS);
    await bench.world.runFor(1_000);
    edge.runtime.kill();
    for (const file of edge.machine.disk.snapshot().keys()) edge.machine.disk.tear(file);
    const again = await bench.start('edge', ['origin']);
    expect(again.events.map(({ kind }) => kind)).toContain('storage-failed');
    const subscription = again.client.subscribe(organisationList, listParams);
    expect(subscription.current).toBeNull();
    await bench.until('the value', () => subscription.current?.version === 4, 1_000);
  });

  it('BUS-52: wrong and stepping wall clocks at both ends do not change when a value expires', async () => {
    for (const [originStepMs, edgeStepMs] of [
      [3_600_000, 0],
      [-3_600_000, 0],
      [0, 3_600_000],
      [0, -3_600_000],
    ] as const) {
      const { bench, origin, edge } = await pair(26);
      const subscription = edge.client.subscribe(organisationList, listParams);
      await publishList(bench, origin, 1, TTL_MS);
      await bench.world.runFor(1_000);
      origin.machine.stepWallClock(originStepMs);
      edge.machine.stepWallClock(edgeStepMs);
      await publishList(bench, origin, 2, TTL_MS);
      const publishedMs = bench.world.nowMs;
      await bench.until('the value', () => subscription.current?.version === 2);
      origin.runtime.kill();
      await bench.until('expiry', () => subscription.current?.freshness === 'expired', 2 * TTL_MS);
      expect(bench.world.nowMs - publishedMs).toBeGreaterThanOrEqual(TTL_MS);
      expect(bench.world.nowMs - publishedMs).toBeLessThan(TTL_MS + 11);
    }
  });

  it('BUS-52: a stall on the way that no relay saw is taken off the TTL', async () => {
    const { bench, origin, edge } = await pair(27);
    const subscription = edge.client.subscribe(organisationList, listParams);
    await publishList(bench, origin, 1, TTL_MS);
    await bench.until('the value', () => subscription.current?.version === 1);
    bench.network.configure('origin', 'edge', { latencyMs: 5_000 });
    await publishList(bench, origin, 2, TTL_MS);
    await bench.until('the value', () => subscription.current?.version === 2);
    expect(subscription.current?.ageMs).toBeGreaterThan(4_900);
    expect(subscription.current?.remainingMs).toBeLessThan(TTL_MS - 4_900);
  });

  it('BUS-50: age, remaining TTL and freshness follow the clock', async () => {
    const { bench, origin, edge } = await pair(28);
    const subscription = edge.client.subscribe(organisationList, listParams);
    await publishList(bench, origin, 1, TTL_MS);
    await bench.until('the value', () => subscription.current !== null);
    origin.runtime.kill();
    const stages: [number, string][] = [];
    for (let passedMs = 0; passedMs <= 80_000; passedMs += 10_000) {
      const { current } = subscription;
      expect((current?.ageMs ?? 0) + (current?.remainingMs ?? 0)).toBeCloseTo(TTL_MS, 6);
      stages.push([Math.round(current?.ageMs ?? -1), current?.freshness ?? '']);
      await bench.world.runFor(10_000);
    }
    expect(stages).toEqual([
      [0, 'live'],
      [10_000, 'live'],
      [20_000, 'live'],
      [30_000, 'live'],
      [40_000, 'stale'],
      [50_000, 'stale'],
      [60_000, 'expired'],
      [70_000, 'expired'],
      [80_000, 'expired'],
    ]);
  });
});

describe('Client: acknowledgements', () => {
  it('BUS-92: each consumer states what it applied, per track, with version, time, entries or the reason for refusing', async () => {
    const { bench, origin: control, edge: reader } = await pair(29);
    const agent = control.client.acknowledgements('ams1');
    const track = organisationList.name(listParams);
    const ok = { result: 'applied', group: 9, version: 3, appliedWallMs: 77, entries: 5, reason: null } as const;
    const bad = { ...ok, result: 'refused', version: null, entries: null, reason: 'entries[3] has host bits' } as const;
    const map = reader.client.subscribeMap(applied, { pop: 'ams1' });
    const both = [agent.set(track, ok), agent.set(organisationList.name({ org: 'acme', list: 'other' }), bad)];
    await bench.settle(Promise.all(both));
    await bench.until('both', () => map.current?.value?.size === 2);
    expect(map.current?.value?.get('org/acme/lists/blocked')).toEqual(ok);
    expect(map.current?.value?.get('org/acme/lists/other')).toEqual(bad);
    await bench.settle(agent.remove(track));
    await bench.until('one', () => map.current?.value?.size === 1);
    await bench.world.runFor(3 * applied.ttlMs);
    expect(map.current).toMatchObject({ freshness: 'live', condition: 'ok' });
    expect(control.client.acknowledgements('ams1')).toBe(agent);
  });

  it('an object that comes faster than all before is told with its own value, never with the group before', async () => {
    const { bench, origin, edge } = await pair(25, 400);
    const { updates } = collect(edge.client.subscribe(organisationList, listParams));
    await publishList(bench, origin, 1, TTL_MS);
    await bench.until('the first value', () => updates.length > 0, 10_000);
    bench.network.configure('origin', 'edge', { latencyMs: 5 });
    await publishList(bench, origin, 2, TTL_MS);
    await bench.until('the second value', () => updates.at(-1)?.current?.version === 2, 10_000);
    const groups = new Map(updates.map(({ current }) => [current?.version, new Set<number | undefined>()]));
    for (const { current } of updates) groups.get(current?.version)?.add(current?.group);
    expect([...groups.values()].map((seen) => seen.size)).toEqual([1, 1]);
  });

  it('closing is no loss: it is neither told nor counted as a disconnection', async () => {
    const { edge, bench } = await pair(24);
    await edge.client[Symbol.asyncDispose]();
    await bench.world.runFor(1_000);
    expect(edge.client.connected).toBe(false);
    expect(edge.events.map(({ kind }) => kind)).not.toContain('disconnected');
    expect(edge.client.counters.disconnects).toBe(0);
  });
});
