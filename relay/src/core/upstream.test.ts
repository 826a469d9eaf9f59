import { findInteger, OBJECT_AGE_MS, SHAPE_EVENT, SHAPE_MAP, SHAPE_STATE, StreamResetCode } from '@higgins/protocol';
import { describe, expect, it } from 'vitest';
import type { TestPeer } from './testing/test-peer.js';
import { TestPublisher } from './testing/test-publisher.js';
import { TestWorld, trackOf } from './testing/test-world.js';

const TRACK = trackOf('platform/lists/blocked');
const TTL = { ttlMs: 600_000 };

/** publisher → origin → edge → subscriber. */
async function twoTiers(shape: number, options: Parameters<TestWorld['relay']>[1] = {}) {
  const world = new TestWorld();
  const origin = await world.relay('origin');
  const edge = await world.relay('edge', { upstreams: ['origin'], ...options });
  const publisher = new TestPublisher(await world.client('origin'), TRACK, { shape });
  publisher.announce();
  await world.until(() => edge.node.core.links.connected);
  return { world, origin, edge, publisher };
}

describe('one upstream subscription per track', () => {
  it('N117, BUS-22: a publisher sends each object once, whatever the number of subscribers', async () => {
    const { world, edge, origin, publisher } = await twoTiers(SHAPE_STATE);
    const clients: TestPeer[] = [];
    for (let count = 0; count < 20; count++) clients.push(await world.client('edge'));
    const joins = clients.map((client) => client.join(TRACK));
    await world.until(() => clients.every((client) => client.of('subscribe-ok').length === 1));
    const calls = edge.node.core.counters.fanOutCalls;
    for (const group of [1, 2, 3]) publisher.publish({ group, ...TTL });
    await world.pass(20);
    clients.forEach((client, index) => {
      expect(client.places(joins[index]!.subscription)).toEqual(['1/0', '2/0', '3/0']);
    });
    expect(publisher.sent).toBe(3);
    expect(origin.node.core.counters).toMatchObject({ objectsReceived: 3, upstreamSubscriptions: 1, subscriptions: 1 });
    expect(edge.node.core.counters).toMatchObject({ objectsReceived: 3, upstreamSubscriptions: 1, subscriptions: 20 });
    // One call that opens and one that appends, for all receivers together.
    expect(edge.node.core.counters.fanOutCalls - calls).toBe(6);
  });

  it('BUS-71: every session knows the track by the same alias', async () => {
    const { world } = await twoTiers(SHAPE_STATE);
    const other = trackOf('platform/lists/other');
    const publisher = new TestPublisher(await world.client('origin'), other, { shape: SHAPE_STATE });
    publisher.announce();
    await world.pass(10);
    const [one, two] = [await world.client('edge'), await world.client('edge')];
    one.join(other);
    one.join(TRACK);
    two.join(TRACK);
    two.join(other);
    await world.until(() => one.of('subscribe-ok').length === 2 && two.of('subscribe-ok').length === 2);
    const aliases = (client: typeof one) => client.of('subscribe-ok').map(({ ok }) => ok.trackAlias);
    expect(new Set(aliases(one)).size).toBe(2);
    expect(aliases(two).toSorted()).toEqual(aliases(one).toSorted());
  });

  it('BUS-54: lingers after the last subscriber, serves the next one, and ends', async () => {
    const { world, edge, publisher } = await twoTiers(SHAPE_STATE, {
      upstreams: ['origin'],
      limits: { lingerMs: 5_000 },
    });
    const client = await world.client('edge');
    const join = client.join(TRACK);
    await world.pass(20);
    publisher.publish({ group: 1, ...TTL });
    await world.pass(20);
    client.cancel(join.subscription);
    await world.pass(4_000);
    expect(edge.node.core.counters.upstreamSubscriptions).toBe(1);
    const again = client.join(TRACK);
    await world.pass(20);
    expect(client.places(again.fetch)).toEqual(['1/0']);
    expect(edge.node.core.counters.upstreamSubscribes).toBe(1);
    client.cancel(again.subscription);
    await world.pass(5_100);
    expect(edge.node.core.counters.upstreamSubscriptions).toBe(0);
    expect(edge.node.core.tracks.size).toBe(1);
  });
});

describe('an upstream loss', () => {
  it('BUS-36: ends nothing downstream; what was missed is recovered and forwarded', async () => {
    const { world, edge, publisher } = await twoTiers(SHAPE_STATE);
    const client = await world.client('edge');
    const { subscription } = client.join(TRACK);
    await world.pass(20);
    publisher.publish({ group: 1, ...TTL });
    await world.pass(20);
    world.network.partition('edge', 'origin');
    world.network.resetConnections('edge', 'origin');
    await world.until(() => !edge.node.core.links.connected);
    for (const group of [2, 3]) publisher.publish({ group, ...TTL });
    await world.pass(3_000);
    expect(client.places(subscription)).toEqual(['1/0']);
    world.network.heal('edge', 'origin');
    await world.until(() => client.objects(subscription).length > 1, 15_000);
    // Of a state only the newest counts.
    expect(client.places(subscription)).toEqual(['1/0', '3/0']);
    publisher.publish({ group: 4, ...TTL });
    await world.pass(20);
    expect(client.places(subscription)).toEqual(['1/0', '3/0', '4/0']);
    expect(client.of('publish-done')).toEqual([]);
    expect(edge.node.core.counters).toMatchObject({ recovered: 1, upstreamSubscriptions: 1, upstreamSubscribes: 2 });
    // The recovered value ended its stream: it is whole.
    expect(client.of('subgroup-end', subscription).map(({ header }) => header.group)).toEqual([1, 3, 4]);
  });

  it.each([
    ['map', SHAPE_MAP],
    ['event', SHAPE_EVENT],
  ])('BUS-36: on %s tracks every object is recovered, in order and once', async (_name, shape) => {
    const { world, edge, publisher } = await twoTiers(shape);
    const client = await world.client('edge');
    const { subscription } = client.join(TRACK);
    await world.pass(20);
    for (const object of [0, 1]) publisher.publish({ group: 1, object, last: false, ...TTL });
    await world.pass(20);
    world.network.partition('edge', 'origin');
    world.network.resetConnections('edge', 'origin');
    await world.until(() => !edge.node.core.links.connected);
    publisher.publish({ group: 1, object: 2, last: true, ...TTL });
    for (const object of [0, 1]) publisher.publish({ group: 2, object, last: false, ...TTL });
    await world.pass(1_000);
    world.network.heal('edge', 'origin');
    // Published while the subscription is resumed.
    for (let object = 2; object < 12; object++) {
      publisher.publish({ group: 2, object, last: object === 11, ...TTL });
      await world.pass(500);
    }
    await world.until(() => client.objects(subscription).length >= 15, 15_000);
    const expected = ['1/0', '1/1', '1/2', ...Array.from({ length: 12 }, (_, object) => `2/${object}`)];
    expect(client.places(subscription)).toEqual(expected);
    expect(client.of('subgroup-reset', subscription)).toEqual([]);
    // An age came with what the origin had kept meanwhile, and none with what went straight through.
    const ages = client.objects(subscription).map(({ properties }) => findInteger(properties, OBJECT_AGE_MS) ?? 0);
    expect(ages[2]).toBeGreaterThan(1_000);
    expect([ages[0], ages.at(-1)]).toEqual([0, 0]);
  });

  it.each([
    ['map', SHAPE_MAP],
    ['event', SHAPE_EVENT],
  ])(
    'BUS-36: on %s tracks a group that the publisher resets in its middle goes on, in order and once',
    async (_name, shape) => {
      const { world, publisher } = await twoTiers(shape);
      const client = await world.client('edge');
      const { subscription } = client.join(TRACK);
      await world.pass(20);
      for (const object of [0, 1]) publisher.publish({ group: 1, object, last: false, ...TTL });
      await world.pass(20);
      publisher.reset(StreamResetCode.EXCESSIVE_LOAD);
      // What a publisher does not send any more on this subscription.
      publisher.store({ group: 1, object: 2, ...TTL });
      await world.until(() => client.objects(subscription).length === 3, 5_000);
      publisher.publish({ group: 1, object: 3, last: true, ...TTL });
      await world.pass(20);
      expect(client.places(subscription)).toEqual(['1/0', '1/1', '1/2', '1/3']);
      expect(client.of('subgroup-reset', subscription)).toEqual([]);
      expect(publisher.counts).toMatchObject({ subscribe: 2, cancelled: 1 });
    },
  );

  it('BUS-36: a reset of a group that a newer one has replaced costs no new subscription', async () => {
    const { world, publisher } = await twoTiers(SHAPE_STATE);
    const client = await world.client('edge');
    const { subscription } = client.join(TRACK);
    await world.pass(20);
    publisher.publish({ group: 1, last: false, ...TTL });
    publisher.publish({ group: 2, ...TTL });
    await world.pass(20);
    publisher.reset(StreamResetCode.DELIVERY_TIMEOUT);
    await world.pass(5_000);
    expect(client.places(subscription)).toEqual(['1/0', '2/0']);
    expect(publisher.counts).toMatchObject({ subscribe: 1, cancelled: 0 });
  });

  it('BUS-36: the first value of all, published while the upstream is away, reaches those who wait for it', async () => {
    const { world, publisher, origin } = await twoTiers(SHAPE_STATE);
    const client = await world.client('edge');
    const { subscription } = client.join(TRACK);
    await world.until(() => client.of('subscribe-ok').length === 1);
    origin.kill();
    world.network.resetConnections('edge', 'origin');
    world.network.resetConnections('client-1', 'origin');
    await world.pass(50);
    await world.relay('origin');
    const again = new TestPublisher(await world.client('origin'), TRACK, { shape: SHAPE_STATE });
    again.store({ group: 1, ...TTL });
    again.announce();
    await world.until(() => client.objects(subscription).length === 1, 30_000);
    expect([client.places(subscription), publisher.sent]).toEqual([['1/0'], 0]);
  });

  it('BUS-36: a new session of the same publisher goes on where the old one ended', async () => {
    const { world, publisher } = await twoTiers(SHAPE_STATE);
    const client = await world.client('edge');
    const { subscription } = client.join(TRACK);
    await world.pass(20);
    publisher.publish({ group: 1, ...TTL });
    await world.pass(20);
    publisher.peer.session.close(0, 'restart');
    publisher.peer.pump();
    await world.pass(3_000);
    const next = new TestPublisher(await world.client('origin'), TRACK, { shape: SHAPE_STATE });
    next.store({ group: 2, ...TTL });
    next.announce();
    await world.until(() => client.objects(subscription).length === 2, 1_000);
    next.publish({ group: 3, ...TTL });
    await world.pass(20);
    expect(client.places(subscription)).toEqual(['1/0', '2/0', '3/0']);
  });

  it('BUS-31: with the upstream dead a newcomer still gets the cached value', async () => {
    const { world, origin, edge, publisher } = await twoTiers(SHAPE_STATE);
    const client = await world.client('edge');
    client.join(TRACK);
    await world.pass(20);
    for (const group of [1, 2]) publisher.publish({ group, ...TTL });
    await world.pass(20);
    origin.kill();
    world.network.resetConnections('edge', 'origin');
    await world.until(() => !edge.node.core.links.connected);
    const newcomer = await world.client('edge');
    const subscription = newcomer.subscribe(TRACK, { rendezvousTimeoutMs: 60_000 });
    const fetch = newcomer.fetch(
      { kind: 'standalone', name: TRACK, start: { group: 0, object: 0 }, end: { group: 2 ** 53 - 1, object: 0 } },
      { groupOrder: 'descending', fillTimeoutMs: 0 },
    );
    await world.until(() => newcomer.of('fetch-end', fetch).length === 1, 1_000);
    expect(newcomer.places(fetch)).toEqual(['2/0', '1/0']);
    expect(newcomer.of('fetch-range-end', fetch)).toMatchObject([{ unknown: true }]);
    expect(newcomer.of('subscribe-ok', subscription)).toEqual([]);
    await world.relay('origin');
    const again = new TestPublisher(await world.client('origin'), TRACK, { shape: SHAPE_STATE });
    again.announce();
    await world.until(() => newcomer.of('subscribe-ok', subscription).length === 1, 30_000);
    again.publish({ group: 3, ...TTL });
    await world.until(() => newcomer.objects(subscription).length === 1, 1_000);
  });
});
