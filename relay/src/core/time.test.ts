import { findInteger, OBJECT_AGE_MS, OBJECT_TTL_MS, PropertyType, SHAPE_MAP, SHAPE_STATE } from '@higgins/protocol';
import { describe, expect, it } from 'vitest';
import type { TestPeer } from './testing/test-peer.js';
import { TestPublisher } from './testing/test-publisher.js';
import { TestWorld, trackOf } from './testing/test-world.js';

const TRACK = trackOf('platform/health/pop/fra1');
const EVERYTHING = {
  kind: 'standalone' as const,
  name: TRACK,
  start: { group: 0, object: 0 },
  end: { group: 2 ** 53 - 1, object: 0 },
};

async function edge(shape: number | undefined, properties: { type: number; value: number }[] = []) {
  const world = new TestWorld();
  const relay = await world.relay('edge');
  const publisher = new TestPublisher(await world.client('edge'), TRACK, {
    ...(shape === undefined ? {} : { shape }),
    properties,
  });
  publisher.announce();
  await world.pass(10);
  const keeper = await world.client('edge');
  const { subscription } = keeper.join(TRACK);
  await world.until(() => keeper.of('subscribe-ok').length === 1);
  return { world, relay, publisher, keeper, subscription };
}

/** What a newcomer finds in the cache, or nothing. */
async function cached(world: TestWorld, client: TestPeer): Promise<string[]> {
  const fetch = client.fetch(EVERYTHING, { groupOrder: 'descending', fillTimeoutMs: 0 });
  await world.until(() => client.of('fetch-end', fetch).length + client.of('request-error', fetch).length === 1);
  return client.places(fetch);
}

function ageOf(client: TestPeer, request: number): number | null {
  return Number(findInteger(client.objects(request)[0]!.properties, OBJECT_AGE_MS) ?? 0);
}

describe('expiry', () => {
  it('BUS-48: an expired object is never handed out, to the millisecond', async () => {
    const { world, relay, publisher } = await edge(SHAPE_STATE);
    const [early, late] = [await world.client('edge'), await world.client('edge')];
    publisher.publish({ group: 1, ttlMs: 1_000 });
    await world.until(() => relay.node.core.budget.objects === 1);
    const arrivedMs = world.nowMs;
    await world.pass(arrivedMs + 996 - world.nowMs);
    expect(await cached(world, early)).toEqual(['1/0']);
    await world.pass(arrivedMs + 999.5 - world.nowMs);
    expect(await cached(world, late)).toEqual([]);
    expect(relay.node.core.budget.objects).toBe(0);
    expect(relay.node.core.counters.expired).toBe(1);
  });

  it('BUS-49: a renewed value never expires, late joiners included', async () => {
    const { world, publisher } = await edge(SHAPE_STATE);
    for (let renewal = 1; renewal <= 12; renewal++) {
      publisher.publish({ group: renewal, payload: 'same', ttlMs: 3_000 });
      await world.pass(999);
      const newcomer = await world.client('edge');
      const { fetch } = newcomer.join(TRACK);
      await world.until(() => newcomer.of('fetch-end', fetch).length === 1);
      expect(newcomer.texts(fetch)).toEqual(['same']);
    }
  });

  it('BUS-49: a map group is valid as long as its newest object', async () => {
    const { world, publisher } = await edge(SHAPE_MAP);
    publisher.publish({ group: 1, object: 0, last: false, ttlMs: 1_000 });
    for (let delta = 1; delta <= 5; delta++) {
      await world.pass(600);
      publisher.publish({ group: 1, object: delta, last: false, payload: '', ttlMs: 1_000 });
    }
    await world.pass(900);
    const client = await world.client('edge');
    expect(await cached(world, client)).toEqual(['1/0', '1/1', '1/2', '1/3', '1/4', '1/5']);
    await world.pass(200);
    expect(await cached(world, await world.client('edge'))).toEqual([]);
  });

  it('BUS-13, BUS-49: a relay that joins late has all of a map group, though its first objects are older than their TTL', async () => {
    const world = new TestWorld({ link: { latencyMs: 5 } });
    const relays = [await world.relay('one'), await world.relay('two', { upstreams: ['one'] })];
    await world.pass(1_000);
    const publisher = new TestPublisher(await world.client('one'), TRACK, { shape: SHAPE_MAP });
    publisher.announce();
    (await world.client('one')).join(TRACK);
    await world.until(() => publisher.subscribed === 1);
    publisher.publish({ group: 1, object: 0, last: false, ttlMs: 1_000 });
    for (let delta = 1; delta <= 3; delta++) {
      await world.pass(600);
      publisher.publish({ group: 1, object: delta, last: false, payload: '', ttlMs: 1_000 });
    }
    await world.pass(100);
    const first = await world.client('two');
    const { fetch } = first.join(TRACK);
    await world.until(() => first.of('fetch-end', fetch).length === 1);
    expect(first.places(fetch)).toEqual(['1/0', '1/1', '1/2', '1/3']);
    expect(await cached(world, await world.client('two'))).toEqual(['1/0', '1/1', '1/2', '1/3']);
    await world.pass(1_000);
    expect(await cached(world, await world.client('two'))).toEqual([]);
    await world.pass(5_000);
    expect(relays.map((relay) => relay.node.core.budget.objects)).toEqual([0, 0]);
  });

  it('an object without a TTL stays', async () => {
    const { world, publisher } = await edge(SHAPE_STATE);
    publisher.publish({ group: 1 });
    await world.pass(3_600_000);
    expect(await cached(world, await world.client('edge'))).toEqual(['1/0']);
  });

  it('N033, N310: MAX_CACHE_DURATION holds on foreign tracks, where private properties mean nothing', async () => {
    const { world, publisher } = await edge(undefined, [{ type: PropertyType.MAX_CACHE_DURATION, value: 5_000 }]);
    publisher.publish({ group: 1, ttlMs: 100 });
    await world.pass(4_900);
    expect(await cached(world, await world.client('edge'))).toEqual(['1/0']);
    await world.pass(200);
    expect(await cached(world, await world.client('edge'))).toEqual([]);
  });
});

describe('age', () => {
  it('N141: is added when an object is served from the cache, and not when it passes through', async () => {
    const { world, publisher, keeper, subscription } = await edge(SHAPE_STATE);
    publisher.publish({ group: 1, ttlMs: 60_000 });
    await world.pass(20);
    expect(ageOf(keeper, subscription)).toBe(0);
    await world.pass(5_000);
    const client = await world.client('edge');
    const { fetch } = client.join(TRACK);
    await world.until(() => client.of('fetch-end', fetch).length === 1);
    expect(ageOf(client, fetch)).toBeGreaterThanOrEqual(5_015);
    expect(ageOf(client, fetch)).toBeLessThanOrEqual(5_030);
    // What the publisher fixed is not touched.
    expect(findInteger(client.objects(fetch)[0]!.properties, OBJECT_TTL_MS)).toBe(60_000);
  });

  it('BUS-47: adds up over hops, and no hop lengthens the TTL', async () => {
    const world = new TestWorld({ link: { latencyMs: 5 } });
    const hosts = ['one', 'two', 'three', 'four', 'five'];
    const relays = [];
    for (const [index, host] of hosts.entries()) {
      relays.push(await world.relay(host, { upstreams: index === 0 ? [] : [hosts[index - 1]!] }));
    }
    await world.pass(1_000);
    const publisher = new TestPublisher(await world.client('one'), TRACK, { shape: SHAPE_STATE });
    publisher.announce();
    const first = await world.client('one');
    first.join(TRACK);
    await world.until(() => publisher.subscribed === 1);
    publisher.publish({ group: 1, ttlMs: 10_000 });
    const publishedMs = world.nowMs;
    // Each hop asks for the value a second after the one before it.
    let received = first;
    let fetch = -1;
    for (const host of hosts.slice(1)) {
      await world.pass(1_000);
      received = await world.client(host);
      fetch = received.join(TRACK).fetch;
      await world.until(() => received.of('fetch-end', fetch).length === 1);
    }
    const elapsedMs = world.nowMs - publishedMs;
    const age = ageOf(received, fetch)!;
    // Only the flights between hops are not measured: seven of 5 ms at most, and each hop rounds up.
    expect(age).toBeGreaterThanOrEqual(elapsedMs - 7 * 5 - 20);
    expect(age).toBeLessThanOrEqual(elapsedMs);
    await world.pass(publishedMs + 10_000 + 50 - world.nowMs);
    expect(relays.map((relay) => relay.node.core.budget.objects)).toEqual([0, 0, 0, 0, 0]);
  });
});
