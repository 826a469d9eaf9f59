import { PublishDoneCode, SHAPE_EVENT, SHAPE_MAP, SHAPE_STATE } from '@higgins/protocol';
import { describe, expect, it } from 'vitest';
import type { RelayLimits } from './limits.js';
import { TestPublisher } from './testing/test-publisher.js';
import { TestWorld, trackOf } from './testing/test-world.js';

const TRACK = trackOf('platform/lists/blocked');
const TTL = { ttlMs: 600_000 };
const DELIVERY = { objectDeliveryTimeoutMs: 600_000 };
const VALUE = 'v'.repeat(100_000);

/** One healthy and one slow subscriber; the slow one's link carries 100 KB/s. */
async function slowAndHealthy(shape: number, limits: Partial<RelayLimits> = {}, parameters = {}) {
  const world = new TestWorld();
  const relay = await world.relay('edge', { limits });
  const publisher = new TestPublisher(await world.client('edge'), TRACK, { shape });
  publisher.announce();
  await world.pass(10);
  const healthy = await world.client('edge');
  const slow = await world.client('edge');
  world.network.link('edge', 'client-3').configure({ bytesPerSecond: 100_000 });
  const of = {
    healthy: healthy.join(TRACK, parameters).subscription,
    slow: slow.join(TRACK, parameters).subscription,
  };
  await world.until(() => slow.of('subscribe-ok').length === 1 && healthy.of('subscribe-ok').length === 1);
  return { world, relay, publisher, healthy, slow, of, counters: relay.node.core.counters };
}

describe('a subscription with a delivery timeout', () => {
  it('N110, BUS-61: has one value in flight and one pending; a newer value replaces the pending one', async () => {
    const { world, publisher, healthy, slow, of, counters } = await slowAndHealthy(SHAPE_STATE, {}, DELIVERY);
    // 100 KB take the slow link a second; ten come in half of that.
    for (let group = 1; group <= 10; group++) {
      publisher.publish({ group, payload: VALUE, ...TTL });
      await world.pass(50);
    }
    await world.pass(5_000);
    expect(healthy.places(of.healthy)).toEqual(Array.from({ length: 10 }, (_, index) => `${index + 1}/0`));
    expect(slow.places(of.slow)).toEqual(['1/0', '10/0']);
    expect(counters.conflated).toBe(8);
    expect(slow.of('subgroup-reset')).toEqual([]);
  });

  it('BUS-61: completes versions on a link that is too slow for all of them', async () => {
    const { world, publisher, slow, of } = await slowAndHealthy(SHAPE_STATE, {}, DELIVERY);
    for (let group = 1; group <= 200; group++) {
      publisher.publish({ group, payload: VALUE, ...TTL });
      await world.pass(100);
    }
    await world.pass(5_000);
    const groups = slow.objects(of.slow).map(({ group }) => Number(group));
    // A value a second over 20 seconds, each in one piece, ending with the newest.
    expect(groups.length).toBeGreaterThanOrEqual(15);
    expect(groups).toEqual(groups.toSorted((a, b) => a - b));
    expect(groups.at(-1)).toBe(200);
    expect(slow.of('subgroup-reset')).toEqual([]);
  });

  it('BUS-11: skips an object older than the newest, which all others get', async () => {
    const { world, publisher, healthy, of } = await slowAndHealthy(SHAPE_STATE, {}, DELIVERY);
    const history = await world.client('edge');
    const lossless = history.subscribe(TRACK);
    await world.pass(20);
    for (const group of [5, 4, 6]) publisher.publish({ group, ...TTL });
    await world.pass(50);
    expect(healthy.places(of.healthy)).toEqual(['5/0', '6/0']);
    expect(history.places(lossless)).toEqual(['5/0', '4/0', '6/0']);
  });

  it('never skips inside a group: a map group comes whole or not at all', async () => {
    const { world, publisher, slow, of } = await slowAndHealthy(SHAPE_MAP, {}, DELIVERY);
    for (let group = 1; group <= 5; group++) {
      for (let object = 0; object < 4; object++) {
        publisher.publish({ group, object, payload: VALUE.slice(0, 30_000), last: object === 3, ...TTL });
        await world.pass(20);
      }
    }
    await world.pass(10_000);
    const byGroup = Map.groupBy(slow.objects(of.slow), ({ group }) => group);
    expect(byGroup.size).toBeLessThan(5);
    expect([...byGroup.keys()].at(-1)).toBe(5);
    for (const objects of byGroup.values()) expect(objects.map(({ object }) => object)).toEqual([0, 1, 2, 3]);
  });

  it('shares streams with the others again once it keeps up', async () => {
    const { world, publisher, slow, of, counters } = await slowAndHealthy(SHAPE_STATE, {}, DELIVERY);
    for (let group = 1; group <= 3; group++) publisher.publish({ group, payload: VALUE, ...TTL });
    await world.pass(5_000);
    for (let group = 4; group <= 8; group++) {
      publisher.publish({ group, ...TTL });
      await world.pass(100);
    }
    const calls = counters.fanOutCalls;
    publisher.publish({ group: 9, ...TTL });
    await world.pass(100);
    expect(counters.fanOutCalls - calls).toBe(2);
    expect(slow.places(of.slow)).toEqual(['1/0', '3/0', '4/0', '5/0', '6/0', '7/0', '8/0', '9/0']);
  });
});

describe('a subscription without a delivery timeout', () => {
  it('N124, BUS-61: gets every object, from the cache where it could not take them at once', async () => {
    const { world, publisher, slow, of, counters } = await slowAndHealthy(SHAPE_EVENT, {
      subscriptionBacklogBytes: 200_000,
    });
    for (let group = 1; group <= 20; group++) {
      publisher.publish({ group, payload: VALUE, ...TTL });
      await world.pass(10);
    }
    await world.pass(40_000);
    expect(slow.places(of.slow).toSorted()).toEqual(Array.from({ length: 20 }, (_, i) => `${i + 1}/0`).toSorted());
    expect(counters).toMatchObject({ conflated: 0, tooFarBehind: 0 });
  });

  it('N330, BUS-61: ends with TOO_FAR_BEHIND when it is too many groups behind', async () => {
    const { world, publisher, healthy, slow, of, counters } = await slowAndHealthy(SHAPE_EVENT, {
      subscriptionBacklogBytes: 100_000,
      behindGroupsMax: 5,
    });
    for (let group = 1; group <= 20; group++) {
      publisher.publish({ group, payload: VALUE, ...TTL });
      await world.pass(5);
    }
    await world.until(() => slow.of('publish-done', of.slow).length === 1);
    expect(slow.of('publish-done', of.slow)[0]!.done.code).toBe(PublishDoneCode.TOO_FAR_BEHIND);
    expect(counters.tooFarBehind).toBe(1);
    expect(healthy.objects(of.healthy)).toHaveLength(20);
  });

  it('BUS-61: ends with TOO_FAR_BEHIND when it has been behind for too long', async () => {
    const { world, publisher, slow, of } = await slowAndHealthy(SHAPE_EVENT, {
      subscriptionBacklogBytes: 100_000,
      behindMsMax: 3_000,
    });
    world.network.partition('edge', 'client-3');
    for (let group = 1; group <= 3; group++) publisher.publish({ group, payload: VALUE, ...TTL });
    await world.pass(3_500);
    world.network.heal('edge', 'client-3');
    await world.until(() => slow.of('publish-done', of.slow).length === 1);
    expect(slow.of('publish-done', of.slow)[0]!.done.code).toBe(PublishDoneCode.TOO_FAR_BEHIND);
  });

  it('gets every object where the streams that it lets us open are few', async () => {
    const { world, publisher, healthy, of } = await slowAndHealthy(SHAPE_EVENT);
    for (let group = 1; group <= 200; group++) publisher.publish({ group, ...TTL });
    await world.until(() => healthy.objects(of.healthy).length === 200, 10_000);
    const groups = healthy.objects(of.healthy).map(({ group }) => group);
    expect(new Set(groups).size).toBe(200);
  });
});

it('a stalled subscriber does not delay the others', async () => {
  const { world, publisher, healthy, of } = await slowAndHealthy(SHAPE_STATE, {}, DELIVERY);
  world.network.partition('edge', 'client-3');
  for (let group = 1; group <= 20; group++) {
    const startMs = world.nowMs;
    publisher.publish({ group, payload: VALUE, ...TTL });
    await world.until(() => healthy.objects(of.healthy).length === group, 100);
    // Publisher to relay to subscriber, with a 100 KB value over links without a rate.
    expect(world.nowMs - startMs).toBeLessThan(20);
  }
});
