import { SHAPE_EVENT, SHAPE_STATE } from '@higgins/protocol';
import { describe, expect, it } from 'vitest';
import { TestPublisher } from './testing/test-publisher.js';
import { type TestRelay, TestWorld, trackOf } from './testing/test-world.js';

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

describe('several upstreams', () => {
  it('fails over to the next upstream in order', async () => {
    const world = new TestWorld();
    const first = await world.relay('first');
    await world.relay('second');
    const edge = await world.relay('edge', { upstreams: ['first', 'second'] });
    await world.until(() => edge.node.core.links.connected);
    const publisher = new TestPublisher(await world.client('second'), TRACK, { shape: SHAPE_STATE });
    publisher.announce();
    const client = await world.client('edge');
    const request = client.subscribe(TRACK, { rendezvousTimeoutMs: 60_000 });
    await world.pass(100);
    expect(client.of('subscribe-ok')).toEqual([]);
    first.kill();
    world.network.resetConnections('edge', 'first');
    await world.until(() => client.of('subscribe-ok', request).length === 1, 30_000);
  });

  it('returns to the preferred upstream when that is back, without a gap', async () => {
    const world = new TestWorld();
    const second = await world.relay('second', { upstreams: ['first'] });
    const edge = await world.relay('edge', { upstreams: ['first', 'second'] });
    await world.until(() => edge.node.core.links.connected);
    const first = await world.relay('first');
    const publisher = new TestPublisher(await world.client('first'), TRACK, { shape: SHAPE_EVENT });
    publisher.announce();
    await world.until(() => second.node.core.links.connected);
    const client = await world.client('edge');
    const request = client.subscribe(TRACK, { rendezvousTimeoutMs: 60_000 });
    await world.until(() => client.of('subscribe-ok', request).length === 1);
    let group = 0;
    await world.until(() => {
      if (world.nowMs > group * 100) publisher.publish({ group: ++group, ...TTL });
      return first.node.core.counters.subscribesReceived === 2 && second.node.core.counters.sessions === 1;
    }, 200_000);
    publisher.publish({ group: ++group, ...TTL });
    await world.pass(100);
    // Groups are streams of their own, which may overtake each other.
    const groups = client
      .objects(request)
      .map((object) => Number(object.group))
      .toSorted((a, b) => a - b);
    expect(groups).toEqual(Array.from({ length: groups.length }, (_, index) => groups[0]! + index));
    expect(groups.at(-1)).toBe(group);
    expect(edge.node.core.counters).toMatchObject({ upstreamConnects: 2, upstreamLosses: 0, upstreamSubscriptions: 1 });
  });

  it('moves to the next upstream on GOAWAY while the old one still serves', async () => {
    const { world, origin, edge, publisher } = await twoTiers(SHAPE_STATE, { upstreams: ['origin', 'second'] });
    const second = await world.relay('second', { upstreams: [] });
    const twin = new TestPublisher(await world.client('second'), TRACK, { shape: SHAPE_STATE });
    twin.announce();
    const client = await world.client('edge');
    const { subscription } = client.join(TRACK);
    await world.pass(20);
    publisher.publish({ group: 1, ...TTL });
    twin.store({ group: 1, ...TTL });
    await world.pass(20);
    // A time-out that is no whole number is rounded up: GOAWAY has whole milliseconds.
    const drained = origin.node.drain(5_000.25);
    await world.until(() => second.node.core.counters.sessions === 2, 30_000);
    twin.publish({ group: 2, ...TTL });
    await world.pass(50);
    await world.world.runUntilSettled(drained, 10_000);
    expect(client.places(subscription)).toEqual(['1/0', '2/0']);
    expect(edge.node.core.links.connected).toBe(true);
  });

  it('N206, N209, N212: follows the new session URI of a GOAWAY, whatever comes after it in order', async () => {
    const { world, origin, edge, publisher } = await twoTiers(SHAPE_STATE, { upstreams: ['origin', 'second'] });
    const second = await world.relay('second');
    const moved = await world.relay('moved');
    const twin = new TestPublisher(await world.client('moved'), TRACK, { shape: SHAPE_STATE });
    twin.announce();
    const client = await world.client('edge');
    const { subscription } = client.join(TRACK);
    await world.pass(20);
    publisher.publish({ group: 1, ...TTL });
    twin.store({ group: 1, ...TTL });
    await world.pass(20);
    const drained = origin.node.drain(5_000, 'moqt://moved:4443/');
    await world.until(() => moved.node.core.counters.sessions === 2, 30_000);
    twin.publish({ group: 2, ...TTL });
    await world.pass(50);
    await world.world.runUntilSettled(drained, 10_000);
    expect(client.places(subscription)).toEqual(['1/0', '2/0']);
    expect(second.node.core.counters.sessions).toBe(0);
    // When it is lost there, the configured ones count again.
    moved.kill();
    world.network.resetConnections('edge', 'moved');
    await world.until(() => second.node.core.counters.sessions === 1 && edge.node.core.links.connected, 30_000);
  });

  it('a new session URI that leads nowhere costs one attempt', async () => {
    const { world, origin, edge } = await twoTiers(SHAPE_STATE, { upstreams: ['origin', 'second'] });
    const second = await world.relay('second');
    await world.world.runUntilSettled(origin.node.drain(1_000, 'moqt://nobody:4443/'), 10_000);
    await world.until(() => second.node.core.counters.sessions === 1, 30_000);
    expect(edge.events.filter(({ kind }) => kind === 'upstream-failed')).toMatchObject([
      { url: 'moqt://nobody:4443/' },
    ]);
  });

  it('relays that send it on and on are left after some rounds', async () => {
    const world = new TestWorld();
    const hosts = ['origin', ...Array.from({ length: 15 }, (_, index) => `hop-${index}`)];
    const relays: TestRelay[] = [];
    for (const host of hosts) relays.push(await world.relay(host));
    const quiet = await world.relay('quiet');
    const edge = await world.relay('edge', { upstreams: ['origin', 'quiet'] });
    let rounds = 0;
    for (; rounds < 15; rounds++) {
      const { node } = relays[rounds]!;
      await world.until(() => node.core.counters.sessions === 1 || quiet.node.core.counters.sessions === 1);
      if (quiet.node.core.counters.sessions === 1) break;
      await world.until(() => edge.node.core.links.connected);
      await world.world.runUntilSettled(node.drain(500, `moqt://${hosts[rounds + 1]}:4443/`), 10_000);
    }
    expect(rounds).toBe(9);
  });

  it('N207, N211: GOAWAY on single requests has them made anew, without a gap', async () => {
    const { world, origin, edge, publisher } = await twoTiers(SHAPE_EVENT);
    const local = new TestPublisher(await world.client('edge'), trackOf('local/one'));
    local.announce();
    const client = await world.client('edge');
    client.session.subscribeNamespace(TRACK.namespace);
    const { subscription } = client.join(TRACK);
    await world.pass(20);
    publisher.publish({ group: 1, ...TTL });
    const [peer] = [...origin.node.core.peers].filter(({ subscriptions }) => subscriptions.size > 0);
    const requests = [
      ...[...peer!.subscriptions.keys()],
      ...[...peer!.announcements.keys()],
      ...[...peer!.interests.keys()],
    ];
    expect(requests).toHaveLength(3);
    for (const request of requests) peer!.session.goawayRequest(request, '', 5_000);
    peer!.port.pump();
    publisher.publish({ group: 2, ...TTL });
    await world.until(() => origin.node.core.counters.subscribesReceived === 2);
    await world.pass(1_000);
    publisher.publish({ group: 3, ...TTL });
    await world.pass(6_000);
    expect(client.places(subscription).toSorted()).toEqual(['1/0', '2/0', '3/0']);
    expect([peer!.subscriptions.size, peer!.announcements.size, peer!.interests.size]).toEqual([1, 1, 1]);
    expect(requests.some((request) => peer!.subscriptions.has(request) || peer!.announcements.has(request))).toBe(
      false,
    );
    expect(edge.node.core.counters.upstreamLosses).toBe(0);
  });

  it('BUS-63: retries are spread, and upstream load grows with tracks only', async () => {
    const world = new TestWorld({ seed: 7 });
    const origin = await world.relay('origin');
    const publisher = new TestPublisher(await world.client('origin'), TRACK, { shape: SHAPE_STATE });
    publisher.announce();
    const edges: TestRelay[] = [];
    for (let index = 0; index < 8; index++) edges.push(await world.relay(`edge-${index}`, { upstreams: ['origin'] }));
    await world.until(() => edges.every(({ node }) => node.core.links.connected));
    for (let index = 0; index < 8; index++) {
      for (let count = 0; count < 5; count++) (await world.client(`edge-${index}`)).join(TRACK);
    }
    await world.pass(50);
    origin.kill();
    for (let index = 0; index < 8; index++) world.network.resetConnections(`edge-${index}`, 'origin');
    await world.until(() => edges.every(({ node }) => !node.core.links.connected));
    const back = await world.relay('origin');
    const again = new TestPublisher(await world.client('origin'), TRACK, { shape: SHAPE_STATE });
    again.announce();
    const arrivals: number[] = [];
    let seen = 0;
    await world.until(() => {
      const now = edges.filter(({ node }) => node.core.links.connected).length;
      if (now > seen) arrivals.push(world.nowMs);
      seen = now;
      return now === edges.length;
    });
    expect(new Set(arrivals).size).toBeGreaterThan(4);
    await world.pass(200);
    expect(back.node.core.counters.subscribesReceived).toBe(8);
    expect(again.counts.subscribe).toBe(1);
  });
});
