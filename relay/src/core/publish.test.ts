import {
  PropertyType,
  PublishDoneCode,
  RequestErrorCode,
  SHAPE_EVENT,
  SHAPE_MAP,
  SHAPE_STATE,
} from '@higgins/protocol';
import { describe, expect, it } from 'vitest';
import { allowAnyone } from './authorizer.js';
import type { TestPeer } from './testing/test-peer.js';
import { TestPublisher } from './testing/test-publisher.js';
import { TestWorld, trackOf } from './testing/test-world.js';

const TRACK = trackOf('platform/lists/blocked');
const TTL = { ttlMs: 600_000 };

async function edge(options: Parameters<TestWorld['relay']>[1] = {}) {
  const world = new TestWorld();
  const relay = await world.relay('edge', options);
  const publisher = new TestPublisher(await world.client('edge'), TRACK, { shape: SHAPE_EVENT });
  return { world, relay, publisher };
}

/** Takes every PUBLISH that comes, and tells which tracks they were of. */
function acceptAll(peer: TestPeer, forward = true): string[] {
  const taken: string[] = [];
  const before = peer.onNotice;
  peer.onNotice = (notice) => {
    before(notice);
    if (notice.kind !== 'publish') return;
    taken.push(notice.name.key);
    peer.session.acceptPublish(notice.request, { forward });
  };
  return taken;
}

describe('PUBLISH at the relay', () => {
  it('N074, N137: is accepted, with Forward State 0 while nobody wants the track', async () => {
    const { world, relay, publisher } = await edge();
    const request = publisher.offer();
    await world.until(() => publisher.peer.of('publish-ok').length === 1);
    expect(publisher.peer.of('publish-ok', request)[0]!.ok.forward).toBe(false);
    publisher.publish({ group: 1, ...TTL });
    await world.pass(20);
    expect(publisher.sent).toBe(0);
    expect(relay.node.core.counters).toMatchObject({ publishesReceived: 1, upstreamSubscriptions: 1 });
    // Beside a subscription that stands, another one is accepted too, and starts.
    const client = await world.client('edge');
    client.subscribe(TRACK);
    await world.until(() => client.of('subscribe-ok').length === 1);
    const second = new TestPublisher(await world.client('edge'), TRACK, { shape: SHAPE_EVENT });
    const offer = second.offer();
    await world.until(() => second.peer.of('publish-ok', offer).length === 1);
    expect(second.peer.of('publish-ok', offer)[0]!.ok.forward).toBe(true);
  });

  it('N130, N131: a SUBSCRIBE is answered by it, and raises its Forward State', async () => {
    const { world, publisher } = await edge();
    publisher.offer();
    await world.until(() => publisher.peer.of('publish-ok').length === 1);
    for (const group of [1, 2]) publisher.publish({ group, ...TTL });
    const client = await world.client('edge');
    const { subscription, fetch } = client.join(TRACK);
    await world.until(() => client.of('fetch-end', fetch).length === 1);
    publisher.publish({ group: 3, ...TTL });
    await world.until(() => client.objects(subscription).length === 1);
    // The Largest Location is that of the time when the publisher began to send, not that of PUBLISH.
    expect(client.of('subscribe-ok', subscription)[0]!.ok.largest).toEqual({ group: 2, object: 0 });
    expect([client.places(fetch), client.places(subscription)]).toEqual([['2/0'], ['3/0']]);
    expect(publisher.counts).toMatchObject({ subscribe: 0, update: 1 });
  });

  it('N138: with a subscriber that waits it is accepted with Forward State 1, and carries what the subscriber gets', async () => {
    const { world, publisher } = await edge();
    const client = await world.client('edge');
    const request = client.subscribe(TRACK, { rendezvousTimeoutMs: 30_000 });
    await world.pass(100);
    const offer = publisher.offer();
    publisher.publish({ group: 1, ...TTL });
    await world.until(() => client.objects(request).length === 1, 1_000);
    await world.until(() => publisher.peer.of('publish-ok', offer).length === 1);
    expect(publisher.peer.of('publish-ok', offer)[0]!.ok.forward).toBe(true);
    expect(client.of('subscribe-ok', request)[0]!.ok.trackProperties).toEqual(publisher.trackProperties);
  });

  it('N117, N131: subscribers without Forward State leave the publisher at rest until one raises its own', async () => {
    const { world, publisher } = await edge();
    publisher.offer();
    await world.pass(10);
    const client = await world.client('edge');
    const request = client.subscribe(TRACK, { forward: false });
    await world.until(() => client.of('subscribe-ok', request).length === 1);
    publisher.publish({ group: 1, ...TTL });
    await world.pass(10);
    expect([publisher.sent, publisher.counts.update]).toEqual([0, 0]);
    // A SUBSCRIBE of the relay's own does not wait.
    const announcing = new TestPublisher(await world.client('edge'), TRACK, { shape: SHAPE_EVENT });
    announcing.announce();
    await world.until(() => announcing.subscribed === 1);
    expect(announcing.peer.of('subscribe')[0]!.parameters.forward).toBeUndefined();
    client.session.update(request, { forward: true });
    client.pump();
    await world.until(() => publisher.counts.update === 1);
    publisher.publish({ group: 2, ...TTL });
    await world.until(() => client.places(request).includes('2/0'));
  });

  it('rests again when its last subscriber has been gone for a while, and starts anew for the next one', async () => {
    const { world, publisher, relay } = await edge({ limits: { lingerMs: 1_000 } });
    publisher.offer();
    const first = await world.client('edge');
    const subscription = first.subscribe(TRACK, { rendezvousTimeoutMs: 1_000 });
    await world.until(() => first.of('subscribe-ok').length === 1);
    publisher.publish({ group: 1, ...TTL });
    await world.pass(10);
    first.cancel(subscription);
    await world.pass(500);
    expect(publisher.subscribed).toBe(1);
    await world.pass(600);
    expect([publisher.subscribed, publisher.peer.of('closed').length]).toEqual([0, 0]);
    expect(relay.node.core.counters.upstreamSubscriptions).toBe(1);
    publisher.publish({ group: 2, ...TTL });
    const second = await world.client('edge');
    const { subscription: again, fetch } = second.join(TRACK);
    await world.until(() => second.of('fetch-end', fetch).length === 1);
    publisher.publish({ group: 3, ...TTL });
    await world.pass(20);
    expect([second.places(fetch), second.places(again)]).toEqual([['2/0'], ['3/0']]);
  });

  it('N080: takes the place of a SUBSCRIBE of ours that crosses it', async () => {
    const { world, publisher, relay } = await edge();
    const { peer } = publisher;
    // It announces, and publishes without a look at what comes; the SUBSCRIBE has no answer.
    peer.session.publishNamespace(TRACK.namespace);
    peer.pump();
    await world.pass(10);
    publisher.counts.subscribe = 0;
    const client = await world.client('edge');
    const request = client.subscribe(TRACK, { rendezvousTimeoutMs: 10_000 });
    client.pump();
    publisher.offer();
    await world.until(() => client.of('subscribe-ok', request).length === 1);
    publisher.publish({ group: 1, ...TTL });
    await world.until(() => client.objects(request).length === 1);
    await world.pass(20);
    expect(client.places(request)).toEqual(['1/0']);
    expect(relay.node.core.counters.upstreamSubscriptions).toBe(1);
  });

  it('N137: a publisher that resets its PUBLISH ends nothing downstream, and the next one goes on', async () => {
    const { world, publisher } = await edge();
    const client = await world.client('edge');
    const request = client.subscribe(TRACK, { rendezvousTimeoutMs: 10_000 });
    const offer = publisher.offer();
    await world.until(() => client.of('subscribe-ok').length === 1);
    publisher.publish({ group: 1, ...TTL });
    await world.pass(10);
    publisher.withdraw(offer);
    await world.pass(5_000);
    const second = new TestPublisher(await world.client('edge'), TRACK, { shape: SHAPE_EVENT });
    second.offer();
    await world.pass(10);
    second.publish({ group: 2, ...TTL });
    await world.until(() => client.objects(request).length === 2);
    expect(client.places(request)).toEqual(['1/0', '2/0']);
    expect(client.of('publish-done')).toEqual([]);
  });

  it('PUBLISH_DONE with TRACK_ENDED ends the track downstream', async () => {
    const { world, publisher } = await edge();
    const client = await world.client('edge');
    const request = client.subscribe(TRACK, { rendezvousTimeoutMs: 10_000 });
    publisher.offer();
    await world.until(() => client.of('subscribe-ok').length === 1);
    publisher.publish({ group: 1, ...TTL });
    publisher.end();
    await world.until(() => client.of('publish-done', request).length === 1);
    expect(client.of('publish-done', request)[0]!.done.code).toBe(PublishDoneCode.TRACK_ENDED);
    expect(client.places(request)).toEqual(['1/0']);
  });

  it('N125, N126: who may publish one track may not publish another, nor its namespace', async () => {
    const authorizer = {
      ...allowAnyone,
      authorizePublish: (_principal: unknown, _namespace: unknown, name: Uint8Array | null) =>
        name !== null && new TextDecoder().decode(name) === 'current'
          ? { allowed: true as const }
          : { allowed: false as const, code: RequestErrorCode.UNAUTHORIZED, reason: 'not yours' },
    };
    const { world, publisher } = await edge({ authorizer });
    const allowed = publisher.offer();
    const announced = publisher.announce();
    const other = publisher.peer.session.publish({ ...TRACK, name: new Uint8Array(1), key: 'other' }, 77);
    publisher.peer.pump();
    await world.until(() => publisher.peer.of('request-error').length === 2);
    expect(publisher.peer.of('publish-ok').map(({ request }) => request)).toEqual([allowed]);
    expect(publisher.peer.of('request-error').map(({ request, error }) => [request, error.code])).toEqual([
      [announced, RequestErrorCode.UNAUTHORIZED],
      [other, RequestErrorCode.UNAUTHORIZED],
    ]);
  });

  it('N036: one with a Mandatory Track Property that is not understood is refused', async () => {
    const world = new TestWorld();
    await world.relay('edge');
    const publisher = new TestPublisher(await world.client('edge'), TRACK, {
      properties: [{ type: 0x4002, value: 1 }],
    });
    const request = publisher.offer();
    await world.until(() => publisher.peer.of('request-error').length === 1);
    expect(publisher.peer.of('request-error', request)[0]!.error.code).toBe(RequestErrorCode.UNSUPPORTED_EXTENSION);
  });

  it('are limited per session', async () => {
    const { world, publisher } = await edge({ limits: { publicationsPerSessionMax: 1 } });
    publisher.offer();
    const second = new TestPublisher(publisher.peer, trackOf('other'), {}).offer();
    await world.until(() => publisher.peer.of('request-error').length === 1);
    expect(publisher.peer.of('request-error', second)[0]!.error.code).toBe(RequestErrorCode.EXCESSIVE_LOAD);
  });

  it('N182: NEW_GROUP_REQUEST of a subscriber that waits goes with PUBLISH_OK if the track has dynamic groups', async () => {
    const world = new TestWorld();
    await world.relay('edge');
    const client = await world.client('edge');
    client.subscribe(TRACK, { rendezvousTimeoutMs: 10_000, newGroupRequest: 0 });
    client.subscribe(trackOf('fixed'), { rendezvousTimeoutMs: 10_000, newGroupRequest: 0 });
    await world.pass(10);
    const peer = await world.client('edge');
    const dynamic = new TestPublisher(peer, TRACK, { properties: [{ type: PropertyType.DYNAMIC_GROUPS, value: 1 }] });
    const fixed = new TestPublisher(peer, trackOf('fixed'));
    const offers = [dynamic.offer(), fixed.offer()];
    await world.until(() => peer.of('publish-ok').length === 2);
    expect(offers.map((offer) => peer.of('publish-ok', offer)[0]!.ok.newGroupRequest)).toEqual([0, undefined]);
  });
});

it('N183, N184: NEW_GROUP_REQUEST of a subscriber that waits goes with the SUBSCRIBE upstream', async () => {
  const { world, publisher } = await edge();
  const client = await world.client('edge');
  client.subscribe(TRACK, { rendezvousTimeoutMs: 10_000, newGroupRequest: 0 });
  await world.pass(10);
  publisher.announce();
  await world.until(() => publisher.peer.of('subscribe').length === 1);
  expect(publisher.peer.of('subscribe')[0]!.parameters.newGroupRequest).toBe(0);
});

describe('SUBSCRIBE_TRACKS at the relay', () => {
  it('N134: brings a PUBLISH of each track under the prefix, now and later, and its objects from the next on', async () => {
    const { world, publisher } = await edge();
    publisher.store({ group: 1, ...TTL });
    publisher.offer();
    const elsewhere = new TestPublisher(publisher.peer, trackOf('platform/listsx/blocked'));
    elsewhere.offer();
    await world.pass(10);
    const client = await world.client('edge');
    const taken = acceptAll(client);
    client.session.subscribeTracks(trackOf('platform/lists').namespace);
    client.pump();
    await world.until(() => taken.length === 1);
    const later = new TestPublisher(publisher.peer, trackOf('platform/lists/allowed'), { shape: SHAPE_STATE });
    later.offer();
    await world.until(() => taken.length === 2);
    expect(taken).toEqual([TRACK.key, later.name.key]);
    const [first, second] = client.of('publish');
    expect(first!.parameters.largest).toEqual({ group: 1, object: 0 });
    expect(second!.trackProperties).toEqual(later.trackProperties);
    await world.pass(10);
    publisher.publish({ group: 2, ...TTL });
    later.publish({ group: 7, ...TTL });
    await world.until(() => client.of('object').length === 2);
    expect([client.places(first!.request), client.places(second!.request)]).toEqual([['2/0'], ['7/0']]);
  });

  it('what is published between PUBLISH and PUBLISH_OK comes after it, from the object after the largest on', async () => {
    const world = new TestWorld();
    await world.relay('edge');
    const publisher = new TestPublisher(await world.client('edge'), TRACK, { shape: SHAPE_MAP });
    const keeper = await world.client('edge');
    const kept = keeper.subscribe(TRACK, { rendezvousTimeoutMs: 10_000 });
    publisher.offer();
    await world.until(() => keeper.of('subscribe-ok').length === 1);
    for (const object of [0, 1]) publisher.publish({ group: 5, object, last: false, ...TTL });
    await world.pass(10);
    const client = await world.client('edge');
    client.session.subscribeTracks(TRACK.namespace);
    client.pump();
    await world.until(() => client.of('publish').length === 1);
    for (const object of [2, 3]) publisher.publish({ group: 5, object, last: object === 3, ...TTL });
    publisher.publish({ group: 6, last: false, ...TTL });
    await world.pass(100);
    expect(client.of('object')).toEqual([]);
    const { request } = client.of('publish')[0]!;
    client.session.acceptPublish(request);
    const fetch = client.fetch({ kind: 'relative-joining', subscription: request, groupsBack: 0 });
    await world.until(() => client.objects(request).length === 3);
    publisher.publish({ group: 6, object: 1, ...TTL });
    publisher.publish({ group: 7, ...TTL });
    await world.pass(20);
    expect(client.places(fetch)).toEqual(['5/0', '5/1']);
    expect(client.places(request)).toEqual(['5/2', '5/3', '6/0', '6/1', '7/0']);
    expect(keeper.objects(kept)).toHaveLength(7);
    expect(client.of('subgroup-end', request).map(({ header }) => header.group)).toEqual([5, 6, 7]);
  });

  it('N135: who waits for the track with a SUBSCRIBE gets that answered, and no PUBLISH', async () => {
    const { world, publisher } = await edge();
    const client = await world.client('edge');
    const request = client.subscribe(TRACK, { rendezvousTimeoutMs: 10_000 });
    client.session.subscribeTracks(TRACK.namespace);
    client.pump();
    await world.pass(10);
    publisher.offer();
    await world.until(() => client.of('subscribe-ok', request).length === 1);
    await world.pass(10);
    expect(client.of('publish')).toEqual([]);
  });

  it('its own tracks are not sent back to a publisher', async () => {
    const { world, publisher } = await edge();
    publisher.peer.session.subscribeTracks(TRACK.namespace);
    publisher.offer();
    await world.until(() => publisher.peer.of('publish-ok').length === 1);
    await world.pass(10);
    expect(publisher.peer.of('publish')).toEqual([]);
  });

  it('FORWARD 0 is passed on, and the subscriber starts the track with PUBLISH_OK or an update', async () => {
    const { world, publisher } = await edge();
    publisher.offer();
    const client = await world.client('edge');
    const taken = acceptAll(client, false);
    client.session.subscribeTracks(TRACK.namespace, { forward: false });
    client.pump();
    await world.until(() => taken.length === 1);
    const { request, parameters } = client.of('publish')[0]!;
    expect(parameters.forward).toBe(false);
    await world.pass(10);
    expect(publisher.subscribed).toBe(0);
    client.session.update(request, { forward: true });
    client.pump();
    await world.until(() => publisher.subscribed === 1);
    publisher.publish({ group: 1, ...TTL });
    await world.until(() => client.objects(request).length === 1);
  });

  it('N077, N094: sends no PUBLISH that the subscriber may not read, and none after it was cancelled', async () => {
    const secret = trackOf('platform/lists/secret');
    const authorizer = {
      ...allowAnyone,
      authorizeSubscribe: (_principal: unknown, { key }: { key: string }) =>
        key === secret.key
          ? { allowed: false as const, code: RequestErrorCode.UNAUTHORIZED, reason: 'not yours' }
          : { allowed: true as const },
    };
    const { world, publisher } = await edge({ authorizer });
    publisher.offer();
    new TestPublisher(publisher.peer, secret).offer();
    const client = await world.client('edge');
    const taken = acceptAll(client);
    const request = client.session.subscribeTracks(trackOf('platform/lists').namespace);
    client.pump();
    await world.pass(20);
    expect(taken).toEqual([TRACK.key]);
    client.cancel(request);
    await world.pass(10);
    new TestPublisher(publisher.peer, trackOf('platform/lists/late')).offer();
    await world.pass(20);
    expect(taken).toEqual([TRACK.key]);
  });

  it('N093: a track for which there is no stream is told of with PUBLISH_BLOCKED, and may be subscribed to', async () => {
    const world = new TestWorld();
    await world.relay('edge');
    const peer = await world.client('edge');
    const publishers = Array.from({ length: 200 }, (_, index) => new TestPublisher(peer, trackOf(`lists/${index}`)));
    for (const publisher of publishers) publisher.offer();
    await world.until(() => peer.of('publish-ok').length === 200);
    const limits = { bidirectionalStreamsInitial: 16, bidirectionalStreamsMax: 16 };
    const client = await world.client('edge', { limits });
    const taken = acceptAll(client);
    client.session.subscribeTracks(trackOf('lists').namespace);
    client.pump();
    await world.until(() => client.of('publish-blocked').length > 0);
    await world.pass(50);
    const blocked = client.of('publish-blocked').map(({ name }) => name);
    expect(taken).toHaveLength(16);
    expect(blocked.length).toBeGreaterThan(100);
    expect(new Set([...taken, ...blocked.map(({ key }) => key)]).size).toBe(taken.length + blocked.length);
    const request = client.subscribe(blocked[0]!);
    await world.until(() => client.of('subscribe-ok', request).length === 1);
  });

  it('a refused PUBLISH is not sent again, and one without an answer ends', async () => {
    const { world, publisher, relay } = await edge({ limits: { behindMsMax: 5_000 } });
    publisher.offer();
    const [refuses, silent] = [await world.client('edge'), await world.client('edge')];
    refuses.onNotice = (notice) => {
      if (notice.kind !== 'publish') return;
      const error = { code: RequestErrorCode.UNINTERESTED, reason: 'no', retryIntervalMs: null };
      refuses.session.reject(notice.request, error);
    };
    for (const client of [refuses, silent]) {
      client.session.subscribeTracks(TRACK.namespace);
      client.pump();
    }
    await world.until(() => silent.of('publish').length === 1);
    await world.until(() => relay.node.core.counters.subscriptions === 1);
    await world.until(() => silent.of('cancelled').length === 1, 10_000);
    expect(relay.node.core.counters.subscriptions).toBe(0);
    expect([refuses.of('publish').length, silent.of('publish').length]).toEqual([1, 1]);
  });

  it('PUBLISHes end visibly when no publisher has come back for a while, and no sooner', async () => {
    const { world, publisher } = await edge({ limits: { lingerMs: 2_000 } });
    publisher.offer();
    const client = await world.client('edge');
    const taken = acceptAll(client);
    client.session.subscribeTracks(TRACK.namespace);
    client.pump();
    await world.until(() => taken.length === 1);
    publisher.peer.connection.close(0, '');
    await world.pass(1_500);
    expect(client.of('publish-done')).toEqual([]);
    const second = new TestPublisher(await world.client('edge'), TRACK, { shape: SHAPE_EVENT });
    const offer = second.offer();
    await world.pass(1_000);
    second.publish({ group: 4, ...TTL });
    await world.pass(10);
    expect([client.places(client.of('publish')[0]!.request), taken.length]).toEqual([['4/0'], 1]);
    second.withdraw(offer);
    await world.until(() => client.of('publish-done').length === 1, 2_100);
    expect(client.of('publish-done')[0]!.done).toMatchObject({ code: PublishDoneCode.INTERNAL_ERROR, streamCount: 1 });
  });
});

describe('over two tiers', () => {
  async function twoTiers() {
    const world = new TestWorld();
    const origin = await world.relay('origin');
    const edgeRelay = await world.relay('edge', { upstreams: ['origin'], limits: { lingerMs: 1_000 } });
    await world.until(() => edgeRelay.node.core.links.connected);
    return { world, origin, edgeRelay };
  }

  it('a PUBLISH at the edge reaches subscribers at the origin', async () => {
    const { world, origin } = await twoTiers();
    const publisher = new TestPublisher(await world.client('edge'), TRACK, { shape: SHAPE_EVENT });
    publisher.offer();
    await world.until(() => origin.node.core.counters.publishesReceived === 1);
    await world.pass(10);
    expect(publisher.subscribed).toBe(0);
    const client = await world.client('origin');
    const { subscription } = client.join(TRACK);
    await world.until(() => client.of('subscribe-ok', subscription).length === 1);
    await world.until(() => publisher.subscribed === 1);
    publisher.publish({ group: 1, ...TTL });
    await world.until(() => client.objects(subscription).length === 1);
    client.cancel(subscription);
    await world.until(() => publisher.subscribed === 0, 60_000);
  });

  it('a PUBLISH at the origin reaches those at the edge who asked for tracks, one request for all of them', async () => {
    const { world, origin } = await twoTiers();
    const publisher = new TestPublisher(await world.client('origin'), TRACK, { shape: SHAPE_EVENT });
    publisher.offer();
    const clients = [await world.client('edge'), await world.client('edge'), await world.client('edge')];
    const taken = clients.map((client, index) => {
      const names = acceptAll(client);
      client.session.subscribeTracks(trackOf(['platform', 'platform/lists', 'platform'][index]!).namespace);
      client.pump();
      return names;
    });
    await world.until(() => taken.every((names) => names.length === 1), 10_000);
    await world.pass(20);
    publisher.publish({ group: 1, ...TTL });
    await world.until(() => clients.every((client) => client.of('object').length === 1));
    expect(origin.node.core.counters.publishesSent).toBe(1);
    expect(publisher.sent).toBe(1);
  });
});
