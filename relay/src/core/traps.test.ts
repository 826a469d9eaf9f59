import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  type MoqtSession,
  PublishDoneCode,
  RequestErrorCode,
  SHAPE_EVENT,
  SHAPE_MAP,
  SHAPE_STATE,
} from '@higgins/protocol';
import { describe, expect, it } from 'vitest';
import { relayRoutes } from '../io/admin.js';
import { type Authorizer, allowAnyone } from './authorizer.js';
import type { TestPeer } from './testing/test-peer.js';
import { TestPublisher } from './testing/test-publisher.js';
import { TestWorld, trackOf } from './testing/test-world.js';

const TRACK = trackOf('platform/lists/blocked');
const TTL = { ttlMs: 600_000 };
const WHOLE = {
  kind: 'standalone' as const,
  name: TRACK,
  start: { group: 0, object: 0 },
  end: { group: 99, object: 0 },
};

async function edge(shape: number, options: Parameters<TestWorld['relay']>[1] = {}) {
  const world = new TestWorld();
  const relay = await world.relay('edge', options);
  const publisher = new TestPublisher(await world.client('edge'), TRACK, { shape });
  const announced = publisher.announce();
  await world.pass(10);
  return { world, relay, publisher, announced };
}

async function twoTiers(shape: number, options: Parameters<TestWorld['relay']>[1] = {}) {
  const world = new TestWorld();
  const origin = await world.relay('origin', options);
  const relay = await world.relay('edge', { upstreams: ['origin'] });
  const publisher = new TestPublisher(await world.client('origin'), TRACK, { shape });
  publisher.announce();
  await world.until(() => relay.node.core.links.connected);
  return { world, origin, relay, publisher };
}

function namespaces(peer: TestPeer): number {
  return peer.of('namespace').length - peer.of('namespace-done').length;
}

/** Faults that relays of others were seen to have, one test each. */
describe('BUS-70', () => {
  it('trap: a relay below another one is a way around authorization', async () => {
    const refuseTrack: Authorizer = {
      ...allowAnyone,
      authorizeSubscribe: (_principal, { key }) =>
        key === TRACK.key
          ? { allowed: false, code: RequestErrorCode.UNAUTHORIZED, reason: 'not yours' }
          : { allowed: true },
    };
    // The origin refuses the edge, and what the edge knows it refuses its own clients.
    const above = await twoTiers(SHAPE_STATE, { authorizer: refuseTrack });
    const below = await above.world.client('edge');
    const refused = below.subscribe(TRACK);
    await above.world.until(() => below.of('request-error', refused).length === 1);
    expect(below.of('request-error', refused)[0]!.error.code).toBe(RequestErrorCode.UNAUTHORIZED);

    let open = true;
    const authorizer: Authorizer = {
      ...allowAnyone,
      authorizeSubscribe: (...a) => (open ? { allowed: true } : refuseTrack.authorizeSubscribe(...a)),
    };
    const { world, publisher } = await edge(SHAPE_STATE, { authorizer });
    const first = await world.client('edge');
    first.join(TRACK);
    await world.until(() => publisher.subscribed === 1);
    publisher.publish({ group: 1, ...TTL });
    await world.pass(10);
    open = false;
    const second = await world.client('edge');
    const requests = [second.subscribe(TRACK), second.fetch(WHOLE), second.session.trackStatus(TRACK)];
    second.pump();
    await world.until(() => second.of('request-error').length === requests.length);
    expect(second.of('fetch-object')).toEqual([]);
  });

  it('trap: namespaces outlive the session that announced them', async () => {
    const { world, publisher, relay } = await edge(SHAPE_STATE);
    const client = await world.client('edge');
    client.session.subscribeNamespace(trackOf('platform').namespace);
    client.pump();
    await world.until(() => namespaces(client) === 1);
    publisher.peer.connection.close(0, '');
    await world.until(() => namespaces(client) === 0, 1_000);
    const request = client.subscribe(TRACK);
    await world.until(() => client.of('request-error', request).length === 1);
    expect(client.of('request-error', request)[0]!.error.code).toBe(RequestErrorCode.DOES_NOT_EXIST);
    expect(relay.node.core.counters.namespaces).toBe(0);
  });

  it('trap: a namespace stays with a client that died without a word', async () => {
    const { world, publisher, relay } = await edge(SHAPE_STATE);
    publisher.peer.runtime.kill();
    world.network.partition('client-1', 'edge');
    await world.until(() => relay.node.core.counters.namespaces === 0);
  });

  it('trap: a FIN does not count as the withdrawal of PUBLISH_NAMESPACE', async () => {
    const { world, publisher, relay, announced } = await edge(SHAPE_STATE);
    // Both directions end without a reset: the requester has nothing more to say on the stream.
    publisher.peer.session.cancel(announced);
    publisher.peer.pump();
    await world.until(() => relay.node.core.counters.namespaces === 0, 1_000);
    const again = publisher.announce();
    await world.until(() => relay.node.core.counters.namespaces === 1, 1_000);
    expect(again).toBeGreaterThan(announced);
  });

  it('trap: an announcement that comes back from above takes the place of its source', async () => {
    const world = new TestWorld();
    const origin = await world.relay('origin');
    const relay = await world.relay('edge', { upstreams: ['origin'] });
    await world.until(() => relay.node.core.links.connected);
    const publisher = new TestPublisher(await world.client('edge'), TRACK, { shape: SHAPE_EVENT });
    publisher.announce();
    const client = await world.client('edge');
    client.session.subscribeNamespace(trackOf('platform').namespace);
    client.session.subscribeTracks(trackOf('platform').namespace);
    client.pump();
    await world.until(() => origin.node.core.counters.namespaces === 1);
    await world.pass(100);
    // The origin echoes the namespace; it is one all the same, and leads to the publisher here.
    expect(namespaces(client)).toBe(1);
    const { subscription } = client.join(TRACK);
    await world.until(() => publisher.subscribed === 1);
    publisher.publish({ group: 1, ...TTL });
    await world.until(() => client.objects(subscription).length === 1);
    await world.pass(100);
    expect(client.places(subscription)).toEqual(['1/0']);
    origin.kill();
    world.network.resetConnections('edge', 'origin');
    await world.pass(100);
    publisher.publish({ group: 2, ...TTL });
    await world.until(() => client.objects(subscription).length === 2, 1_000);
    expect(namespaces(client)).toBe(1);
  });

  it('trap: a FETCH is answered from the cache with holes that are none', async () => {
    const { world, publisher, relay } = await edge(SHAPE_EVENT, { limits: { trackHistoryBytesMax: 3_000 } });
    const keeper = await world.client('edge');
    keeper.join(TRACK);
    await world.until(() => publisher.subscribed === 1);
    for (let group = 1; group <= 9; group++) publisher.publish({ group, payload: 'x'.repeat(1_000), ...TTL });
    await world.pass(20);
    const { cache } = relay.node.core.tracks.get(TRACK)!;
    expect(cache.groups.length).toBeLessThan(5);
    const client = await world.client('edge');
    // What was evicted is asked for again, or told as unknown if there is no time for that.
    const hasty = client.fetch(WHOLE, { fillTimeoutMs: 0 });
    await world.until(() => client.of('fetch-end', hasty).length === 1);
    expect(client.of('fetch-range-end', hasty)[0]).toMatchObject({ unknown: true });
    const patient = client.fetch(WHOLE);
    await world.until(() => client.of('fetch-end', patient).length === 1);
    expect(client.places(patient)).toEqual(Array.from({ length: 9 }, (_, index) => `${index + 1}/0`));
  });

  it('trap: a FETCH of a single group is answered empty', async () => {
    const { world, publisher } = await edge(SHAPE_EVENT);
    for (const group of [1, 2, 3]) publisher.store({ group, ...TTL });
    const client = await world.client('edge');
    for (const group of [2, 3]) {
      const fetch = client.fetch({ ...WHOLE, start: { group, object: 0 }, end: { group, object: 0 } });
      await world.until(() => client.of('fetch-end', fetch).length === 1);
      expect(client.places(fetch)).toEqual([`${group}/0`]);
    }
  });

  it('trap: fetched objects come out of order', async () => {
    const { world, publisher, relay } = await edge(SHAPE_EVENT);
    const keeper = await world.client('edge');
    keeper.join(TRACK);
    await world.until(() => publisher.subscribed === 1);
    // Groups 1, 3 and 5 come live, the ones between only when they are asked for.
    for (let group = 1; group <= 6; group++) {
      if (group % 2 === 1) publisher.publish({ group, ...TTL });
      else for (const object of [1, 0]) publisher.store({ group, object, ...TTL });
    }
    await world.pass(20);
    const client = await world.client('edge');
    const expected = ['1/0', '2/0', '2/1', '3/0', '4/0', '4/1', '5/0'];
    const up = client.fetch(WHOLE);
    await world.until(() => client.of('fetch-end', up).length === 1);
    expect(client.places(up)).toEqual(expected);
    const down = client.fetch(WHOLE, { groupOrder: 'descending' });
    await world.until(() => client.of('fetch-end', down).length === 1);
    expect(client.places(down)).toEqual(['5/0', '4/0', '4/1', '3/0', '2/0', '2/1', '1/0']);
    expect(relay.node.core.counters.malformedTracks).toBe(0);
  });

  it('trap: a join that follows its SUBSCRIBE at once is told a stale Largest Location', async () => {
    const { world, publisher } = await edge(SHAPE_EVENT, { limits: { lingerMs: 100 } });
    publisher.offer();
    const first = await world.client('edge');
    const { subscription } = first.join(TRACK);
    await world.until(() => publisher.subscribed > 0);
    publisher.publish({ group: 1, ...TTL });
    await world.pass(10);
    first.cancel(subscription);
    // The publisher rests, and goes on by itself: the relay does not know how far.
    await world.until(() => publisher.subscribed === 0);
    for (const group of [2, 3]) publisher.store({ group, ...TTL });
    const second = await world.client('edge');
    const joined = second.join(TRACK);
    await world.until(() => second.of('fetch-end', joined.fetch).length === 1);
    publisher.publish({ group: 4, ...TTL });
    await world.until(() => second.objects(joined.subscription).length === 1);
    expect(second.of('subscribe-ok', joined.subscription)[0]!.ok.largest).toEqual({ group: 3, object: 0 });
    expect([second.places(joined.fetch), second.places(joined.subscription)]).toEqual([['3/0'], ['4/0']]);
  });

  it('trap: a joining FETCH in one flight with its SUBSCRIBE is refused', async () => {
    const { world, publisher } = await edge(SHAPE_STATE);
    publisher.store({ group: 1, ...TTL });
    const client = await world.client('edge');
    const { fetch } = client.join(TRACK);
    await world.until(() => client.of('fetch-end', fetch).length === 1);
    expect([client.places(fetch), client.of('request-error')]).toEqual([['1/0'], []]);
  });

  it('trap: the first group after SUBSCRIBE_OK reaches one of many subscribers', async () => {
    const { world, publisher } = await edge(SHAPE_STATE);
    const clients: TestPeer[] = [];
    for (let count = 0; count < 12; count++) clients.push(await world.client('edge'));
    const requests = clients.map((client) => client.subscribe(TRACK));
    await world.until(() => clients.some((client) => client.of('subscribe-ok').length === 1));
    publisher.publish({ group: 1, ...TTL });
    await world.until(() => clients.every((client, index) => client.objects(requests[index]!).length === 1), 1_000);
  });

  it('trap: one Location is forwarded twice, with different payloads', async () => {
    const { world, publisher } = await edge(SHAPE_EVENT);
    const other = new TestPublisher(await world.client('edge'), TRACK, { shape: SHAPE_EVENT });
    other.announce();
    const client = await world.client('edge');
    const { subscription } = client.join(TRACK);
    await world.until(() => publisher.subscribed === 1 && other.subscribed === 1);
    publisher.publish({ group: 1, payload: 'one', ...TTL });
    await world.pass(10);
    other.publish({ group: 1, payload: 'two', ...TTL });
    await world.until(() => client.of('publish-done', subscription).length === 1);
    expect(client.texts(subscription)).toEqual(['one']);
    expect(client.of('publish-done')[0]!.done.code).toBe(PublishDoneCode.MALFORMED_TRACK);
  });

  it('trap: an empty object is lost', async () => {
    const { world, publisher } = await edge(SHAPE_MAP);
    const client = await world.client('edge');
    const { subscription } = client.join(TRACK);
    await world.until(() => publisher.subscribed === 1);
    for (const object of [0, 1, 2]) publisher.publish({ group: 1, object, payload: '', last: object === 2, ...TTL });
    await world.pass(10);
    const fetch = client.fetch(WHOLE);
    await world.until(() => client.of('fetch-end', fetch).length === 1);
    expect([client.places(subscription), client.places(fetch)]).toEqual([
      ['1/0', '1/1', '1/2'],
      ['1/0', '1/1', '1/2'],
    ]);
    expect(client.of('object').every(({ object }) => object.status === 'normal')).toBe(true);
  });

  it('trap: making room in the cache goes round and round', async () => {
    const { world, publisher, relay } = await edge(SHAPE_EVENT, { limits: { cacheBytesMax: 20_000 } });
    const client = await world.client('edge');
    const { subscription } = client.join(TRACK);
    await world.until(() => publisher.subscribed === 1);
    // One that never fits, one group that outgrows the cache, and many small ones.
    publisher.publish({ group: 1, payload: 'x'.repeat(50_000), ...TTL });
    for (let object = 0; object < 20; object++) {
      publisher.publish({ group: 2, object, payload: 'x'.repeat(3_000), last: object === 19, ...TTL });
    }
    for (let group = 3; group < 103; group++) {
      publisher.publish({ group, payload: 'x'.repeat(500), ...TTL });
      await world.pass(5);
    }
    await world.until(() => client.objects(subscription).length === 121, 5_000);
    const { counters, budget } = relay.node.core;
    expect(counters.evicted).toBeLessThan(130);
    expect(budget.bytes).toBeLessThanOrEqual(20_000);
  });

  it('trap: groups, tracks and requests are kept for ever', async () => {
    const { world, relay } = await edge(SHAPE_STATE, { limits: { lingerMs: 500, trackHistoryMs: 500 } });
    const peer = await world.client('edge');
    const client = await world.client('edge');
    for (let round = 0; round < 5; round++) {
      const publishers = [];
      const requests: number[] = [];
      for (let index = 0; index < 10; index++) {
        const publisher = new TestPublisher(peer, trackOf(`round/${round}/${index}`), { shape: SHAPE_MAP });
        publishers.push({ publisher, request: index % 2 === 0 ? publisher.announce() : publisher.offer() });
        requests.push(client.subscribe(publisher.name, { rendezvousTimeoutMs: 1_000 }));
      }
      await world.pass(20);
      for (const { publisher } of publishers) {
        for (let object = 0; object < 3; object++)
          publisher.publish({ group: round, object, last: false, ttlMs: 2_000 });
      }
      await world.pass(20);
      for (const request of requests) client.cancel(request);
      for (const { publisher, request } of publishers) publisher.withdraw(request);
      await world.pass(10);
    }
    await world.pass(5_000);
    const { tracks, budget, counters, peers } = relay.node.core;
    expect([tracks.size, budget.bytes, budget.objects]).toEqual([0, 0, 0]);
    expect(counters).toMatchObject({ subscriptions: 0, upstreamSubscriptions: 0, tracks: 0, namespaces: 1 });
    for (const { session, announcements } of peers) {
      // The control streams, and the one announcement that still stands.
      expect((session as MoqtSession).usage.requests).toBe(announcements.size);
    }
  });

  it('trap: subscriptions are not resumed when the upstream is back', async () => {
    const { world, origin, relay, publisher } = await twoTiers(SHAPE_EVENT);
    const client = await world.client('edge');
    const { subscription } = client.join(TRACK);
    await world.until(() => publisher.subscribed === 1);
    publisher.publish({ group: 1, ...TTL });
    await world.until(() => client.objects(subscription).length === 1);
    world.network.resetConnections('edge', 'origin');
    publisher.publish({ group: 2, ...TTL });
    await world.until(() => relay.node.core.links.connected && origin.node.core.counters.subscriptions === 1);
    publisher.publish({ group: 3, ...TTL });
    await world.until(() => client.objects(subscription).length === 3, 5_000);
    expect(client.places(subscription).toSorted()).toEqual(['1/0', '2/0', '3/0']);
  });

  it('trap: full flow-control windows stop everything for good', async () => {
    const { world, publisher } = await edge(SHAPE_EVENT);
    const small = { connectionWindowBytes: 16_384, streamWindowBytes: 4_096, unidirectionalStreamsMax: 4 };
    const client = await world.client('edge', { limits: small });
    const other = new TestPublisher(publisher.peer, trackOf('other'), { shape: SHAPE_EVENT });
    other.announce();
    const { subscription } = client.join(TRACK);
    await world.until(() => publisher.subscribed === 1);
    for (let group = 1; group <= 30; group++) publisher.publish({ group, payload: 'x'.repeat(20_000), ...TTL });
    const late = client.subscribe(other.name);
    await world.until(() => client.of('subscribe-ok', late).length === 1, 5_000);
    other.publish({ group: 1, ...TTL });
    await world.until(() => client.objects(subscription).length === 30 && client.objects(late).length === 1, 20_000);
  });

  it('trap: nobody can see which subscription is behind', async () => {
    const { world, publisher, relay } = await edge(SHAPE_EVENT, { limits: { subscriptionBacklogBytes: 10_000 } });
    const client = await world.client('edge');
    world.network.link('edge', 'client-2').configure({ bytesPerSecond: 10_000 });
    client.join(TRACK);
    await world.until(() => publisher.subscribed === 1);
    for (let group = 1; group <= 5; group++) publisher.publish({ group, payload: 'x'.repeat(20_000), ...TTL });
    await world.pass(500);
    expect(relayRoutes(relay.node.core)['/subscriptions']!()).toMatchObject({
      total: 1,
      entries: [{ session: 2, track: TRACK.key, missedSubgroups: 4 }],
    });
  });

  it('trap: a session costs more than a megabyte', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const { world, relay } = await edge(SHAPE_STATE);
    const used = () => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    const before = used();
    const clients: TestPeer[] = [];
    for (let count = 0; count < 100; count++) clients.push(await world.client('edge'));
    for (const client of clients) client.join(TRACK);
    await world.until(() => clients.every((client) => client.of('subscribe-ok').length === 1));
    // Both ends, their network included.
    expect((used() - before) / clients.length).toBeLessThan(200_000);
    expect(relay.node.core.counters.subscriptions).toBe(100);
  });
});
