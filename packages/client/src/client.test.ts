import { organisationList, SchemaError } from '@higgins/signals';
import { describe, expect, it } from 'vitest';
import { Bench, collect, listOf, listParams, type Node, publishList } from './testing/bench.js';

/** An origin that listens and an edge that subscribes to it. */
async function pair(seed: number, latencyMs = 10): Promise<{ bench: Bench; origin: Node; edge: Node }> {
  const bench = new Bench(seed, { latencyMs });
  const origin = await bench.start('origin', []);
  await bench.listen(origin);
  const edge = await bench.start('edge', ['origin']);
  await bench.until('a session', () => edge.client.connected);
  return { bench, origin, edge };
}

describe('Client: joining', () => {
  it('BUS-31: a new subscriber has the newest value one round trip after it asked', async () => {
    const { bench, origin, edge } = await pair(1, 50);
    await publishList(bench, origin, 7);
    const askedMs = bench.world.nowMs;
    const subscription = edge.client.subscribe(organisationList, listParams);
    await bench.until('a value', () => subscription.current !== null);
    expect(bench.world.nowMs - askedMs).toBeLessThan(101);
    expect(subscription.current).toMatchObject({
      version: 7,
      value: listOf(7),
      freshness: 'live',
      condition: 'ok',
      onExpiry: 'closed',
      ttlMs: 60_000,
    });
  });

  it('BUS-32: a join delivers the newest value and every later one, once each, wherever a publish falls into it', async () => {
    for (let delayMs = 0; delayMs <= 70; delayMs += 2) {
      const { bench, origin, edge } = await pair(2);
      await publishList(bench, origin, 1);
      const { updates } = collect(edge.client.subscribe(organisationList, listParams));
      await bench.world.runFor(delayMs);
      await publishList(bench, origin, 2);
      await bench.world.runFor(1);
      await publishList(bench, origin, 3);
      await bench.world.runFor(1_000);
      const versions = updates.filter((update) => update.valueChanged).map((update) => update.current?.version);
      expect(versions.at(-1)).toBe(3);
      expect(versions).toEqual([1, 2, 3].slice(3 - versions.length));
      if (delayMs >= 12) expect(versions).toEqual([1, 2, 3]);
      expect(edge.client.counters).toMatchObject({ objectsOld: 0, gaps: 0, objectsAccepted: versions.length });
    }
  });

  it('BUS-33: a subscription that comes before its publisher waits, and starts with the first value', async () => {
    const { bench, origin, edge } = await pair(3);
    const { updates } = collect(edge.client.subscribe(organisationList, listParams));
    await bench.world.runFor(30_000);
    expect(updates).toEqual([]);
    const publishedMs = bench.world.nowMs;
    await publishList(bench, origin, 1);
    await bench.until('the first value', () => updates.length > 0);
    expect(bench.world.nowMs - publishedMs).toBeLessThan(20);
    expect(updates[0]?.current?.version).toBe(1);
    expect(edge.events.filter(({ kind }) => kind === 'subscription-failed')).toEqual([]);
  });

  it('BUS-33: waiting is bounded by the rendezvous time-out and goes on by itself', async () => {
    const { bench, origin, edge } = await pair(4);
    const { updates } = collect(edge.client.subscribe(organisationList, listParams));
    await bench.world.runFor(100_000);
    expect(edge.events.filter(({ kind }) => kind === 'subscription-failed').length).toBeGreaterThan(0);
    await publishList(bench, origin, 5);
    await bench.until('the first value', () => updates.length > 0, 3_000);
  });

  it('BUS-22: however many consumers a track has, each object comes to the client once', async () => {
    const { bench, origin, edge } = await pair(5);
    const all = Array.from({ length: 20 }, () => collect(edge.client.subscribe(organisationList, listParams)));
    await publishList(bench, origin, 1);
    await bench.world.runFor(100);
    await publishList(bench, origin, 2);
    await bench.world.runFor(100);
    for (const { updates } of all) expect(updates.at(-1)?.current?.version).toBe(2);
    expect(edge.client.counters.objectsAccepted).toBe(2);
    expect(edge.events.filter(({ kind }) => kind === 'subscribed')).toHaveLength(1);
  });
});

describe('Client: connections', () => {
  it('BUS-36: a lost connection comes back by itself, without a gap, a repeat or a step back', async () => {
    const { bench, origin, edge } = await pair(6);
    const { updates } = collect(edge.client.subscribe(organisationList, listParams));
    let version = 0;
    for (let flap = 0; flap < 25; flap++) {
      await publishList(bench, origin, ++version);
      await bench.world.runFor((flap * 37) % 500);
      bench.network.resetConnections('edge', 'origin');
      if (flap % 3 === 0) await publishList(bench, origin, ++version);
      await bench.world.runFor((flap * 211) % 3_000);
    }
    await bench.until('the newest value', () => updates.at(-1)?.current?.version === version, 15_000);
    const versions = updates.filter((update) => update.valueChanged).map((update) => update.current?.version ?? -1);
    expect(versions).toEqual([...new Set(versions)].sort((left, right) => left - right));
    expect(edge.client.counters.disconnects).toBeGreaterThan(5);
    expect(edge.client.counters.objectsOld).toBe(0);
  });

  it('BUS-36: relays are tried in order, and the next one is taken when one does not answer', async () => {
    const bench = new Bench(7);
    const origin = await bench.start('origin', []);
    await bench.listen(origin);
    await publishList(bench, origin, 1);
    bench.machine('dead').start();
    const edge = await bench.start('edge', ['dead', 'origin']);
    const subscription = edge.client.subscribe(organisationList, listParams);
    await bench.until('a value', () => subscription.current !== null, 20_000);
    expect(edge.events[0]).toMatchObject({ kind: 'connect-failed', url: 'moqt://dead:4433/' });
    expect(edge.client.counters).toMatchObject({ connects: 1, connectFailures: 1 });
  });

  it('many tracks are subscribed to in portions when a session comes up, and all of them are followed', async () => {
    const { bench, origin, edge } = await pair(14);
    const lists = Array.from({ length: 120 }, (_, index) => ({ org: 'acme', list: `list-${index}` }));
    for (const params of lists) await bench.settle(origin.client.publish(organisationList, params, listOf(1)));
    for (const params of lists) edge.client.subscribe(organisationList, params);
    await bench.until('all of them', () => edge.client.levels.unfollowed === 0);
    bench.network.resetConnections('edge', 'origin');
    await bench.until('the loss', () => !edge.client.connected);
    expect(edge.client.levels).toMatchObject({ tracks: 121, unfollowed: 121 });
    const served = () => edge.events.filter(({ kind }) => kind === 'subscribed').length;
    const before = served();
    await bench.until('all of them again', () => edge.client.levels.unfollowed === 0);
    expect(served() - before).toBe(120);
    expect(edge.client.levels).toMatchObject({ waitingObjects: 0, waitingBytes: 0 });
  });

  it('attempts are spread and become rare while no relay answers', async () => {
    const bench = new Bench(8);
    bench.machine('dead').start();
    const edge = await bench.start('edge', ['dead']);
    await bench.world.runFor(100_000);
    expect(edge.client.counters.connectFailures).toBeGreaterThan(8);
    expect(edge.client.counters.connectFailures).toBeLessThan(25);
  });

  it('ends subscriptions, sessions and timers when it is disposed of', async () => {
    const { bench, origin, edge } = await pair(9);
    await publishList(bench, origin, 1);
    const { updates, error } = collect(edge.client.subscribe(organisationList, listParams));
    await bench.world.runFor(100);
    await bench.settle(edge.client[Symbol.asyncDispose]());
    await bench.settle(edge.client[Symbol.asyncDispose]());
    const before = updates.length;
    await publishList(bench, origin, 2);
    await bench.world.runFor(100);
    expect(updates).toHaveLength(before);
    expect(error()).toBeNull();
    expect(() => edge.client.subscribe(organisationList, listParams)).toThrow(/closed/);
    await expect(edge.client.publish(organisationList, listParams, listOf(1))).rejects.toThrow(/closed/);
    await bench.settle(origin.client[Symbol.asyncDispose]());
    await bench.world.runFor(120_000);
    expect(bench.world.pending).toBe(0);
  });

  it('ends a subscription by its AbortSignal, and the track goes on for others', async () => {
    const { bench, origin, edge } = await pair(10);
    const cancellation = new AbortController();
    const aborted = collect(edge.client.subscribe(organisationList, listParams, { signal: cancellation.signal }));
    const other = collect(edge.client.subscribe(organisationList, listParams));
    await publishList(bench, origin, 1);
    await bench.world.runFor(100);
    cancellation.abort();
    await publishList(bench, origin, 2);
    await bench.world.runFor(100);
    expect(aborted.updates.at(-1)?.current?.version).toBe(1);
    expect(other.updates.at(-1)?.current?.version).toBe(2);
  });
});

describe('Client: consumers', () => {
  it('BUS-61: a consumer that does not look is told the newest state at once when it does, and stalls nothing', async () => {
    const { bench, origin, edge } = await pair(11);
    const lazy = edge.client.subscribe(organisationList, listParams);
    const eager = collect(edge.client.subscribe(organisationList, listParams));
    for (let version = 1; version <= 50; version++) {
      await publishList(bench, origin, version);
      await bench.world.runFor(20);
    }
    await bench.world.runFor(100);
    expect(eager.updates.filter((update) => update.valueChanged)).toHaveLength(50);
    const first = await bench.settle(lazy.next());
    expect(first.value).toMatchObject({ current: { version: 50 }, valueChanged: true });
    const second = lazy.next();
    await publishList(bench, origin, 51);
    expect((await bench.settle(second)).value).toMatchObject({ current: { version: 51 } });
  });

  it('BUS-18: an object that breaks the schema is refused with its reason, and the last good value stays in force', async () => {
    const { bench, origin, edge } = await pair(12);
    const { updates } = collect(edge.client.subscribe(organisationList, listParams));
    await publishList(bench, origin, 1);
    await bench.world.runFor(100);
    const good = organisationList.encode({ ...listOf(2), version: 2 });
    // What a program that does not use the SDK could send.
    const hostile = { ...organisationList, encode: () => good.subarray(0, good.length - 3) };
    const bad = await bench.settle(origin.client.publish(hostile, listParams, listOf(2)));
    await bench.world.runFor(100);
    expect(() => organisationList.decode(good.subarray(0, good.length - 3))).toThrow(SchemaError);
    const refusal = updates.at(-1);
    expect(refusal?.current).toMatchObject({ version: 1, freshness: 'live' });
    expect(refusal?.refused).toMatchObject({ group: bad.group, object: 0, reason: expect.stringMatching(/expected/) });
    expect(edge.client.counters.objectsRefused).toBe(1);
    await publishList(bench, origin, 3);
    await bench.world.runFor(100);
    expect(updates.at(-1)).toMatchObject({ current: { version: 3 }, refused: null });
  });

  it('BUS-21: a deletion arrives as a state of its own', async () => {
    const { bench, origin, edge } = await pair(13);
    const { updates } = collect(edge.client.subscribe(organisationList, listParams));
    await publishList(bench, origin, 1);
    await bench.settle(origin.client.remove(organisationList, listParams, { version: 2 }));
    await bench.world.runFor(100);
    expect(updates.at(-1)?.current).toMatchObject({ deleted: true, value: null, version: 2, freshness: 'live' });
  });
});
