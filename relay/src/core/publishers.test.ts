import { PropertyType, SHAPE_EVENT, SHAPE_MAP, SHAPE_STATE } from '@higgins/protocol';
import { describe, expect, it } from 'vitest';
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

describe('announcements', () => {
  it('N127, N129: are passed upstream, so that a subscriber there gets what is published here', async () => {
    const world = new TestWorld();
    const origin = await world.relay('origin');
    const edge = await world.relay('edge', { upstreams: ['origin'] });
    await world.until(() => edge.node.core.links.connected);
    const publisher = new TestPublisher(await world.client('edge'), TRACK, { shape: SHAPE_MAP });
    publisher.announce();
    await world.until(() => origin.node.core.counters.namespaces === 1);
    const client = await world.client('origin');
    const { subscription } = client.join(TRACK);
    await world.until(() => client.of('subscribe-ok', subscription).length === 1);
    publisher.publish({ group: 1, ...TTL });
    await world.until(() => client.objects(subscription).length === 1, 1_000);
    // The edge wants nothing of its own upstream.
    expect(edge.node.core.counters.upstreamSubscriptions).toBe(1);
  });

  it('are withdrawn when their session dies; the values stay', async () => {
    const world = new TestWorld();
    const origin = await world.relay('origin');
    const edge = await world.relay('edge', { upstreams: ['origin'] });
    await world.until(() => edge.node.core.links.connected);
    const publisher = new TestPublisher(await world.client('edge'), TRACK, { shape: SHAPE_STATE });
    publisher.announce();
    const client = await world.client('origin');
    const { subscription } = client.join(TRACK, { rendezvousTimeoutMs: 10_000 });
    await world.until(() => client.of('subscribe-ok').length === 1);
    publisher.publish({ group: 1, ...TTL });
    await world.pass(20);
    publisher.peer.runtime.kill();
    world.network.resetConnections('client-1', 'edge');
    await world.until(() => origin.node.core.counters.namespaces === 0);
    expect(client.of('publish-done')).toEqual([]);
    expect(client.places(subscription)).toEqual(['1/0']);
    const other = await world.client('origin');
    const fetch = other.fetch(
      { kind: 'standalone', name: TRACK, start: { group: 0, object: 0 }, end: { group: 9, object: 0 } },
      { groupOrder: 'descending', fillTimeoutMs: 0 },
    );
    await world.until(() => other.of('fetch-end', fetch).length === 1);
    expect(other.places(fetch)).toEqual(['1/0']);
  });

  it.each([SHAPE_STATE, SHAPE_MAP, SHAPE_EVENT])(
    'BUS-10: who was admitted by one publisher gets what a second one, further on, had published before (shape %i)',
    async (shape) => {
      const world = new TestWorld({ link: { latencyMs: 5 } });
      await world.relay('edge');
      const [slow, fast] = [await world.client('edge'), await world.client('edge')];
      world.network.configure(fast.runtime.machine.name, 'edge', { latencyMs: 100 });
      const older = new TestPublisher(slow, TRACK, { shape });
      const newer = new TestPublisher(fast, TRACK, { shape });
      older.publish({ group: 1, ...TTL });
      newer.publish({ group: 9, ...TTL });
      older.announce();
      newer.announce();
      await world.pass(300);
      const client = await world.client('edge');
      const { subscription, fetch } = client.join(TRACK);
      await world.until(() => client.of('fetch-end', fetch).length === 1);
      await world.pass(500);
      expect([client.places(fetch), client.places(subscription)]).toEqual([['1/0'], ['9/0']]);
    },
  );

  it('a FIN or reset of the request withdraws it, and the last of several counts', async () => {
    const world = new TestWorld();
    const relay = await world.relay('edge');
    const [one, two] = [await world.client('edge'), await world.client('edge')];
    const first = new TestPublisher(one, TRACK).announce();
    new TestPublisher(two, TRACK).announce();
    await world.pass(10);
    expect(relay.node.core.counters.namespaces).toBe(2);
    one.cancel(first);
    await world.pass(10);
    expect(relay.node.core.counters.namespaces).toBe(1);
  });

  it('N128, N132, N136: a publisher that announces later is asked too, beside the upstream', async () => {
    const { world, edge, publisher } = await twoTiers(SHAPE_STATE);
    const client = await world.client('edge');
    const { subscription } = client.join(TRACK);
    await world.pass(20);
    publisher.publish({ group: 1, ...TTL });
    await world.pass(20);
    const local = new TestPublisher(await world.client('edge'), TRACK, { shape: SHAPE_STATE });
    local.announce();
    await world.until(() => local.subscribed === 1);
    local.publish({ group: 2, ...TTL });
    await world.pass(20);
    publisher.publish({ group: 3, ...TTL });
    await world.pass(20);
    expect(client.places(subscription)).toEqual(['1/0', '2/0', '3/0']);
    expect(edge.node.core.counters.upstreamSubscriptions).toBe(2);
  });
});

describe('several publishers', () => {
  it('N118, N128: a publisher elsewhere is found while one is here, and the newer epoch is seen by everyone', async () => {
    const world = new TestWorld();
    await world.relay('origin');
    const edge = await world.relay('edge', { upstreams: ['origin'] });
    await world.until(() => edge.node.core.links.connected);
    const here = new TestPublisher(await world.client('edge'), TRACK, { shape: SHAPE_STATE });
    here.announce();
    const client = await world.client('edge');
    const { subscription } = client.join(TRACK, { rendezvousTimeoutMs: 10_000 });
    await world.until(() => client.of('subscribe-ok').length === 1);
    here.publish({ group: 1, ...TTL });
    await world.pass(100);
    const elsewhere = new TestPublisher(await world.client('origin'), TRACK, { shape: SHAPE_STATE });
    elsewhere.announce();
    await world.until(() => elsewhere.subscribed === 1, 30_000);
    elsewhere.publish({ group: 1_000, ...TTL });
    await world.until(() => client.objects(subscription).length === 2, 5_000);
    here.publish({ group: 2, ...TTL });
    await world.pass(100);
    // No timeout was given: everything is due, the older group included, once each.
    expect(client.places(subscription)).toEqual(['1/0', '1000/0', '2/0']);
    expect(edge.node.core.counters.malformedTracks).toBe(0);
  });
});

describe('NEW_GROUP_REQUEST', () => {
  it('N182, N185: is passed on once for a track that has dynamic groups, and not for others', async () => {
    const world = new TestWorld();
    await world.relay('edge');
    const dynamic = new TestPublisher(await world.client('edge'), TRACK, {
      shape: SHAPE_MAP,
      properties: [{ type: PropertyType.DYNAMIC_GROUPS, value: 1 }],
    });
    const fixed = new TestPublisher(await world.client('edge'), trackOf('fixed'), { shape: SHAPE_MAP });
    dynamic.announce();
    fixed.announce();
    await world.pass(10);
    const clients = [await world.client('edge'), await world.client('edge')];
    const requests = clients.map((client) => [client.subscribe(TRACK), client.subscribe(fixed.name)]);
    await world.until(() => clients.every((client) => client.of('subscribe-ok').length === 2));
    for (const publisher of [dynamic, fixed]) publisher.publish({ group: 5, last: false, ...TTL });
    await world.pass(10);
    clients.forEach((client, index) => {
      for (const request of requests[index]!) client.session.update(request, { newGroupRequest: 6 });
      client.pump();
    });
    await world.until(() => clients.every((client) => client.of('update-ok').length === 2));
    await world.pass(10);
    expect([dynamic.counts.update, fixed.counts.update]).toEqual([1, 0]);
    dynamic.publish({ group: 6, last: false, ...TTL });
    await world.pass(10);
    clients[0]!.session.update(requests[0]![0]!, { newGroupRequest: 6 });
    clients[0]!.session.update(requests[0]![0]!, { newGroupRequest: 7 });
    clients[0]!.pump();
    await world.pass(10);
    expect(dynamic.counts.update).toBe(2);
  });
});
