import {
  encodeProperties,
  encodeSubgroupHeader,
  encodeSubgroupObject,
  FetchObjectEncoder,
  type FullTrackName,
  type Notice,
  type ReceivedObject,
  RequestErrorCode,
  type RequestId,
  SessionTerminationCode,
  utf8,
} from '@higgins/protocol';
import { describe, expect, it } from 'vitest';
import type { TestPeer } from '../../../../relay/src/core/testing/test-peer.js';
import { TestPublisher } from '../../../../relay/src/core/testing/test-publisher.js';
import { TestWorld, trackOf } from '../../../../relay/src/core/testing/test-world.js';

const NAME = trackOf('video/camera');
const ALIAS = 77;
const NONE = new Uint8Array(0);
const NOTHING = { code: RequestErrorCode.INVALID_RANGE, reason: 'nothing yet', retryIntervalMs: null };
/** Types that no relay knows, the gaps, and immutable ones in an encoding that is not the shortest. */
const OBJECT_PROPERTIES = new Uint8Array(Buffer.from('0b03' + '0e8001' + '3100' + '0200' + 'b7c3' + '0161', 'hex'));
const TRACK_PROPERTIES = encodeProperties([
  { type: 0x0e, value: 9 },
  { type: 0x38, value: 5 },
  { type: 0x3803, value: utf8('foreign') },
]);

/** A publisher that answers by itself, and sends whatever a test gives it. */
class Foreign {
  readonly peer: TestPeer;
  readonly requests: RequestId[] = [];

  constructor(peer: TestPeer, name: FullTrackName, trackProperties = TRACK_PROPERTIES) {
    this.peer = peer;
    peer.onNotice = (notice) => {
      if (notice.kind === 'fetch') peer.session.reject(notice.request, NOTHING);
      if (notice.kind !== 'subscribe' || notice.name.key !== name.key) return;
      this.requests.push(notice.request);
      peer.session.acceptSubscribe(notice.request, { trackAlias: ALIAS, trackProperties });
    };
    peer.session.publishNamespace(name.namespace);
    peer.pump();
  }

  /** A Subgroup of one object, to every subscription. */
  send(
    object: Partial<ReceivedObject> & { readonly group: number },
    header: { readonly subgroup?: number } = {},
  ): void {
    const { group, object: id = 0, priority = 33, properties = OBJECT_PROPERTIES, status = 'normal' } = object;
    const { payload = utf8(`object ${group}`) } = object;
    const head = {
      trackAlias: ALIAS,
      group,
      subgroup: 0,
      priority,
      endOfGroup: false,
      firstObject: id === 0,
      ...header,
    };
    for (const request of this.requests) {
      const stream = this.peer.session.openSubgroup(request, encodeSubgroupHeader({ ...head, hasProperties: true }), 1);
      const encoded = encodeSubgroupObject({ delta: id, properties, hasProperties: true, status, payload });
      this.peer.session.writeData(stream, encoded, true);
    }
    this.peer.pump();
  }

  /** Bytes of a stream, as they are. */
  sendRaw(hex: string): void {
    const bytes = new Uint8Array(Buffer.from(hex, 'hex'));
    const stream = this.peer.session.openSubgroup(this.requests[0]!, bytes, 1);
    this.peer.session.writeData(stream, NONE, true);
    this.peer.pump();
  }
}

async function subscribed(parameters = {}) {
  const world = new TestWorld();
  const relay = await world.relay('edge');
  const publisher = new Foreign(await world.client('edge'), NAME);
  await world.pass(10);
  const client = await world.client('edge');
  const request = client.subscribe(NAME, parameters);
  await world.until(() => client.of('subscribe-ok', request).length === 1);
  return { world, relay, publisher, client, request };
}

const everything = (name: FullTrackName) =>
  ({ kind: 'standalone', name, start: { group: 0, object: 0 }, end: { group: 99, object: 0 } }) as const;

describe('properties', () => {
  it('N030 N033 N313 N314 N315 N318 N319 N321 N322: of objects are forwarded and cached, byte for byte', async () => {
    const { world, publisher, client, request } = await subscribed();
    publisher.send({ group: 5, object: 3 });
    await world.until(() => client.objects(request).length === 1);
    const fetch = client.fetch(everything(NAME), { fillTimeoutMs: 0 });
    await world.until(() => client.objects(fetch).length === 1);
    for (const seen of [client.objects(request), client.objects(fetch)]) {
      expect(Buffer.from(seen[0]!.properties).toString('hex')).toBe(Buffer.from(OBJECT_PROPERTIES).toString('hex'));
    }
  });

  it('N140: of a track are in SUBSCRIBE_OK, FETCH_OK, TRACK_STATUS_OK and PUBLISH', async () => {
    const { world, publisher, client, request } = await subscribed();
    publisher.send({ group: 5 });
    await world.until(() => client.objects(request).length === 1);
    const fetch = client.fetch(everything(NAME), { fillTimeoutMs: 0 });
    const status = client.session.trackStatus(NAME);
    client.pump();
    const other = await world.client('edge');
    other.session.subscribeTracks(NAME.namespace);
    other.pump();
    await world.until(() => other.of('publish').length === 1 && client.of('request-ok', status).length === 1);
    await world.until(() => client.of('fetch-ok', fetch).length === 1);
    const seen = [
      client.of('subscribe-ok', request)[0]!.ok.trackProperties,
      client.of('fetch-ok', fetch)[0]!.ok.trackProperties,
      client.of('request-ok', status)[0]!.ok.trackProperties,
      other.of('publish')[0]!.trackProperties,
    ];
    expect(seen).toEqual(Array(4).fill(TRACK_PROPERTIES));
  });
});

describe('objects', () => {
  it('N116 N141: keep all their fields in the cache and on the way', async () => {
    const { world, publisher, client, request } = await subscribed();
    const fields = { group: 5, object: 3, priority: 201, payload: utf8('payload') };
    publisher.send(fields, { subgroup: 8 });
    await world.until(() => client.objects(request).length === 1);
    const fetch = client.fetch(everything(NAME), { fillTimeoutMs: 0 });
    await world.until(() => client.objects(fetch).length === 1);
    const expected = { ...fields, subgroup: 8, status: 'normal' };
    expect([client.objects(request)[0], client.objects(fetch)[0]]).toMatchObject([expected, expected]);
  });

  it('N155: have the same payload whatever a subscriber asks for', async () => {
    const { world, publisher, client, request } = await subscribed();
    const filter = { kind: 'absolute-range', start: { group: 0, object: 0 }, endGroup: 9 } as const;
    const others = await Promise.all([
      world.client('edge').then((peer) => ({ peer, request: peer.subscribe(NAME, { filter, subscriberPriority: 1 }) })),
      world
        .client('edge')
        .then((peer) => ({ peer, request: peer.subscribe(NAME, { objectDeliveryTimeoutMs: 9_000 }) })),
    ]);
    await world.until(() => others.every(({ peer }) => peer.of('subscribe-ok').length === 1));
    publisher.send({ group: 5, payload: utf8('the very same') });
    await world.until(() => others.every((other) => other.peer.objects(other.request).length === 1));
    const texts = [client.texts(request), ...others.map((other) => other.peer.texts(other.request))];
    expect(texts).toEqual(Array(3).fill(['the very same']));
  });

  it('N139: that are invalid end the session that they came on, and reach no other', async () => {
    const { world, publisher, client, request } = await subscribed();
    // END_OF_GROUP with properties.
    publisher.sendRaw('314d05' + '00' + '023e00' + '0003');
    await world.until(() => publisher.peer.of('closed').length === 1);
    expect(publisher.peer.of('closed')[0]).toMatchObject({
      code: SessionTerminationCode.PROTOCOL_VIOLATION,
      remote: true,
    });
    await world.pass(100);
    expect([client.of('closed'), client.objects(request)]).toEqual([[], []]);
    expect(client.session.established).toBe(true);
  });
});

describe('requests', () => {
  it('N072: of every kind are served', async () => {
    const { world, publisher, client } = await subscribed();
    publisher.send({ group: 5 });
    const { namespace } = trackOf('elsewhere/x');
    const { session } = client;
    const asked = [
      session.subscribeNamespace(namespace),
      session.subscribeTracks(namespace),
      session.publishNamespace(namespace),
      session.publish(trackOf('published/x'), 9),
      session.trackStatus(NAME),
      session.fetch(everything(NAME), {}),
    ];
    client.pump();
    const answers = () =>
      client.notices.filter(
        (notice): notice is Extract<Notice, { request: RequestId }> =>
          'request' in notice && asked.includes(notice.request as RequestId),
      );
    await world.until(() => new Set(answers().map(({ request }) => request)).size === asked.length);
    expect(answers().filter(({ kind }) => kind === 'request-error')).toEqual([]);
  });

  it('N176: a SUBSCRIBE that will not wait is told at once that there is no publisher', async () => {
    const world = new TestWorld();
    await world.relay('edge');
    const client = await world.client('edge');
    const askedMs = world.nowMs;
    const request = client.subscribe(NAME);
    await world.until(() => client.of('request-error', request).length === 1);
    expect(client.of('request-error', request)[0]!.error.code).toBe(RequestErrorCode.DOES_NOT_EXIST);
    expect(world.nowMs - askedMs).toBeLessThan(20);
  });

  it('N041: a Mandatory Track Property in FETCH_OK resets a fetch that is under way', async () => {
    const { world, publisher, client, request } = await subscribed();
    const before = publisher.peer.onNotice;
    publisher.peer.onNotice = (notice) => {
      if (notice.kind !== 'fetch') before(notice);
      if (notice.kind !== 'fetch') return;
      const trackProperties = encodeProperties([{ type: 0x4000, value: 1 }]);
      const end = { group: 5, object: 1 };
      publisher.peer.session.acceptFetch(notice.request, { endOfTrack: false, end, trackProperties });
      publisher.peer.session.openFetch(notice.request, 1);
    };
    publisher.send({ group: 5 });
    await world.until(() => client.objects(request).length === 1);
    // The relay has the newest group, and asks for those before it.
    const fetch = client.fetch(everything(NAME), { groupOrder: 'ascending' });
    await world.until(() => client.of('fetch-reset', fetch).length + client.of('request-error', fetch).length > 0);
    expect(client.objects(fetch)).toEqual([]);
    expect(client.of('fetch-reset', fetch)).toHaveLength(1);
  });
});

it('N184: NEW_GROUP_REQUEST of a subscriber goes upstream with the first SUBSCRIBE', async () => {
  const { publisher } = await subscribed({ newGroupRequest: 5 });
  expect(publisher.peer.of('subscribe').map(({ parameters }) => parameters.newGroupRequest)).toEqual([5]);
});

describe('leaving', () => {
  it('N070 N208 N209: a relay that is sent away asks for nothing more, and goes once it has moved', async () => {
    const world = new TestWorld();
    const first = await world.relay('first');
    const edge = await world.relay('edge', { upstreams: ['first', 'second'] });
    new TestPublisher(await world.client('first'), NAME).announce();
    await world.until(() => edge.node.core.links.connected);
    const client = await world.client('edge');
    const request = client.subscribe(NAME, { rendezvousTimeoutMs: 60_000 });
    await world.until(() => client.of('subscribe-ok', request).length === 1);
    expect(first.node.core.counters.subscribesReceived).toBe(1);
    void first.node.drain(600_000);
    await world.pass(100);
    client.subscribe(trackOf('video/microphone'), { rendezvousTimeoutMs: 60_000 });
    await world.pass(1_000);
    expect(first.node.core.counters.subscriptions).toBe(1);
    expect(edge.node.core.counters.upstreamSubscribes).toBe(1);
    const second = await world.relay('second');
    new TestPublisher(await world.client('second'), NAME).announce();
    await world.until(() => second.node.core.counters.subscribesReceived === 2, 60_000);
    // The publisher is the only session that is left.
    await world.until(() => first.node.core.counters.sessions === 1, 10_000);
    expect(first.node.core.counters).toMatchObject({ subscribesReceived: 1, subscriptions: 0 });
  });

  it('N069: GOAWAY goes to subscribers before an upstream subscription ends', async () => {
    const world = new TestWorld();
    const relay = await world.relay('edge');
    const publisher = new TestPublisher(await world.client('edge'), NAME);
    publisher.announce();
    await world.pass(10);
    const client = await world.client('edge');
    const request = client.subscribe(NAME);
    await world.until(() => client.of('subscribe-ok', request).length === 1);
    const drained = relay.node.drain(5_000);
    await world.until(() => client.of('goaway').length === 1);
    publisher.publish({ group: 1 });
    await world.until(() => client.objects(request).length === 1);
    expect(publisher.counts.cancelled).toBe(0);
    for (const { session, pump } of [client, publisher.peer].map((peer) => ({
      session: peer.session,
      pump: () => peer.pump(),
    }))) {
      session.close(SessionTerminationCode.NO_ERROR, 'moved');
      pump();
    }
    await world.world.runUntilSettled(drained, 10_000);
  });
});

it('N304: what is not known is never said not to exist', async () => {
  const { world, publisher, client, request } = await subscribed();
  publisher.send({ group: 5 });
  await world.until(() => client.objects(request).length === 1);
  const fetch = client.fetch(everything(NAME), { fillTimeoutMs: 0 });
  await world.until(() => client.of('fetch-end', fetch).length === 1);
  expect(client.of('fetch-range-end', fetch).map(({ unknown }) => unknown)).toEqual([true]);
  expect(() => new FetchObjectEncoder('ascending').rangeEnd({ group: 1, object: 1 }, true)).not.toThrow();
});
