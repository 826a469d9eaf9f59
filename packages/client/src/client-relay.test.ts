import { RequestErrorCode } from '@higgins/protocol';
import { applied, organisationList } from '@higgins/signals';
import { describe, expect, it } from 'vitest';
import { Bench, collect, listOf, listParams } from './testing/bench.js';
import { type RelayObject, ScriptedRelay } from './testing/scripted-relay.js';

const pop = { pop: 'ams1' };
const ackOf = (group: number) =>
  applied.encode({ result: 'applied', group, version: null, appliedWallMs: 0, entries: null, reason: null });
const snapshot = (group: number, object: number, keys: readonly string[]): RelayObject => ({
  group,
  object,
  payload: applied.encodeSnapshot(new Map(keys.map((key) => [key, ackOf(object)]))),
});
const delta = (group: number, object: number, key: string): RelayObject => ({
  group,
  object,
  payload: applied.encodeDelta({ set: new Map([[key, ackOf(object)]]), removed: [] }),
});
const listObject = (group: number, version: number, ttlMs = 60_000): RelayObject => ({
  group,
  object: 0,
  payload: organisationList.encode(listOf(version)),
  ttlMs,
});

describe('Client behind a relay', () => {
  it('BUS-15: one lost delta leads to one refetch and the right value', async () => {
    const bench = new Bench(41);
    const group = [snapshot(5, 0, ['a']), delta(5, 1, 'b'), delta(5, 2, 'c'), delta(5, 3, 'd')];
    const fetches: string[] = [];
    await ScriptedRelay.listen(bench, 'relay', {
      subscribe(relay, { request }) {
        relay.accept(request, 'map', { group: 5, object: 0 });
        // Object 2 is lost on the way.
        relay.live(
          request,
          group.filter(({ object }) => object === 1 || object === 3),
          false,
        );
      },
      fetch(relay, { request, range, parameters }) {
        fetches.push(`${range.kind} ${parameters.groupOrder ?? 'ascending'}`);
        if (range.kind === 'standalone') relay.answer(request, 'map', [...group, snapshot(4, 0, ['old'])], true);
        else relay.answer(request, 'map', group.slice(0, 1), false);
      },
    });
    const edge = await bench.start('edge', ['relay']);
    const { updates } = collect(edge.client.subscribeMap(applied, pop));
    await bench.world.runFor(5_000);
    expect(fetches).toEqual(['relative-joining ascending', 'standalone descending']);
    expect([...(updates.at(-1)?.current?.value?.keys() ?? [])]).toEqual(['a', 'b', 'c', 'd']);
    expect(updates.at(-1)?.current).toMatchObject({ group: 5, object: 3 });
    expect(edge.client.counters).toMatchObject({ gaps: 1, objectsAccepted: 4, objectsRefused: 0 });
  });

  it('BUS-15: a gap that no fetch fills ends with a request for a new group', async () => {
    const bench = new Bench(42);
    let subscription = -1;
    const asked: unknown[] = [];
    const [relays] = await Promise.all([
      ScriptedRelay.listen(bench, 'relay', {
        subscribe(relay, { request }) {
          subscription = request;
          relay.accept(request, 'map', { group: 5, object: 0 });
          relay.live(request, [delta(5, 2, 'c')], false);
        },
        fetch(relay, { request }) {
          relay.answer(request, 'map', [snapshot(5, 0, ['a'])], false);
        },
        update(relay, { request, parameters }) {
          asked.push(parameters.newGroupRequest);
          relay.session.acceptUpdate(request);
          relay.live(subscription, [snapshot(6, 0, ['a', 'b', 'c'])], true);
        },
      }),
    ]);
    const edge = await bench.start('edge', ['relay']);
    const { updates } = collect(edge.client.subscribeMap(applied, pop));
    await bench.world.runFor(5_000);
    expect(relays).toHaveLength(1);
    expect(asked).toEqual([6]);
    expect(updates.at(-1)?.current?.value?.size).toBe(3);
  });

  it('BUS-15: who holds nothing of a map asks for a group above the newest that it has seen', async () => {
    const bench = new Bench(45);
    const asked: unknown[] = [];
    await ScriptedRelay.listen(bench, 'relay', {
      subscribe(relay, { request }) {
        relay.accept(request, 'map', { group: 5, object: 2 });
        relay.live(request, [delta(5, 3, 'c')], false);
      },
      fetch: (relay, { request }) => relay.answer(request, 'map', [delta(5, 2, 'b')], false),
      update: (_relay, { parameters }) => asked.push(parameters.newGroupRequest),
    });
    const edge = await bench.start('edge', ['relay']);
    collect(edge.client.subscribeMap(applied, pop));
    await bench.until('a request', () => asked.length > 0, 5_000);
    expect(asked[0]).toBe(6);
  });

  it('BUS-31: while the way upstream is broken, the value that a cache still holds is fetched', async () => {
    const bench = new Bench(43);
    const cancelled: number[] = [];
    await ScriptedRelay.listen(bench, 'relay', {
      // SUBSCRIBE waits for its publisher, and the joining FETCH with it.
      fetch(relay, { request, range, parameters }) {
        if (range.kind !== 'standalone') return;
        cancelled.push(Number(parameters.fillTimeoutMs));
        relay.answer(request, 'state', [listObject(9, 4), listObject(8, 3), listObject(7, 2)], true);
      },
    });
    const edge = await bench.start('edge', ['relay']);
    const { updates } = collect(edge.client.subscribe(organisationList, listParams));
    await bench.until('a value', () => updates.length > 0, 2_000);
    expect(updates[0]?.current).toMatchObject({ version: 4, group: 9, freshness: 'live' });
    await bench.world.runFor(1_000);
    expect(cancelled).toEqual([0]);
    expect(edge.client.counters.objectsAccepted).toBe(1);
  });

  it('BUS-48: a value whose age is beyond its TTL is never shown as current', async () => {
    const bench = new Bench(44);
    await ScriptedRelay.listen(bench, 'relay', {
      fetch(relay, { request, range }) {
        if (range.kind === 'standalone') relay.answer(request, 'state', [listObject(9, 4, 0)], true);
      },
    });
    const edge = await bench.start('edge', ['relay']);
    const { updates } = collect(edge.client.subscribe(organisationList, listParams));
    await bench.until('a value', () => updates.length > 0, 2_000);
    expect(updates[0]?.current).toMatchObject({ version: 4, freshness: 'expired', condition: 'expired' });
  });

  it('BUS-36: a relay that asks its clients to leave is left without a lost object', async () => {
    const bench = new Bench(45);
    const script = (version: number) => ({
      subscribe(relay: ScriptedRelay, { request }: { request: number }) {
        relay.accept(request, 'state', { group: version, object: 0 });
      },
      fetch(relay: ScriptedRelay, { request }: { request: number }) {
        relay.answer(request, 'state', [listObject(version, version)], false);
      },
    });
    const [first] = await Promise.all([ScriptedRelay.listen(bench, 'first', script(1))]);
    await ScriptedRelay.listen(bench, 'second', script(2));
    const edge = await bench.start('edge', ['first', 'second']);
    const { updates } = collect(edge.client.subscribe(organisationList, listParams));
    await bench.until('a value', () => updates.at(-1)?.current?.version === 1);
    first[0]?.session.goaway('moqt://second:4433/', 10_000);
    first[0]?.driver.pump();
    await bench.until('the move', () => updates.at(-1)?.current?.version === 2, 2_000);
    expect(updates.map((update) => update.current?.condition)).not.toContain('disconnected');
    expect(edge.client.counters).toMatchObject({ connects: 2, disconnects: 0 });
  });

  it('ends a subscription that the relay refuses for good, with the reason, and tries others again', async () => {
    const bench = new Bench(46);
    let attempts = 0;
    await ScriptedRelay.listen(bench, 'relay', {
      subscribe(relay, { request, name }) {
        attempts += 1;
        const forbidden = organisationList.params(name)?.list === 'forbidden';
        const code = forbidden ? RequestErrorCode.UNAUTHORIZED : RequestErrorCode.INTERNAL_ERROR;
        relay.session.reject(request, { code, reason: 'because', retryIntervalMs: null });
      },
    });
    const edge = await bench.start('edge', ['relay']);
    const forbidden = collect(edge.client.subscribe(organisationList, { org: 'acme', list: 'forbidden' }));
    await bench.world.runFor(1_000);
    expect(forbidden.error()).toMatchObject({ name: 'SubscriptionError', code: 'refused', remoteCode: 1 });
    attempts = 0;
    const other = collect(edge.client.subscribe(organisationList, listParams));
    await bench.world.runFor(60_000);
    expect(other.error()).toBeNull();
    expect(attempts).toBeGreaterThan(5);
    expect(attempts).toBeLessThan(20);
  });
});

describe('Client as publisher', () => {
  it('BUS-61: a slow subscriber of a state track gets the newest value, not all of them, and little waits for it', async () => {
    const bench = new Bench(47, { latencyMs: 10, bytesPerSecond: 1_000_000 });
    const signal = {
      ...organisationList,
      encode: (value: { version: number }) => new Uint8Array(3_000_000).fill(value.version),
      decodeState: (bytes: Uint8Array) => ({ deleted: false as const, value: { version: bytes[0] ?? 0 } }),
    } as unknown as typeof organisationList;
    const origin = await bench.start('origin', []);
    await bench.listen(origin);
    const edge = await bench.start('edge', ['origin']);
    const { updates } = collect(edge.client.subscribe(signal, listParams));
    await bench.world.runFor(100);
    for (let version = 1; version <= 10; version++) {
      await bench.settle(origin.client.publish(signal, listParams, listOf(version)));
      await bench.world.runFor(50);
    }
    await bench.until('the newest', () => updates.at(-1)?.current?.version === 10, 60_000);
    expect(bench.world.nowMs).toBeLessThan(20_000);
    expect(edge.client.counters.objectsAccepted).toBeLessThan(6);
    expect(edge.client.counters.disconnects).toBe(0);
  });
});
