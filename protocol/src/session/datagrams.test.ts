import { describe, expect, it } from 'vitest';
import { encodeObjectDatagram, type ObjectDatagram } from '../data/datagram.js';
import { EncodeError, RequestErrorCode, SessionTerminationCode } from '../errors.js';
import { requestContext } from '../messages/context.js';
import { joinBytes, textOf } from '../testing/data.js';
import { messageBytes, RawPeer } from '../testing/raw-peer.js';
import { establishedPair, track } from '../testing/sessions.js';

const NAME = track('platform/health/pop/fra1');
const NO_BYTES = new Uint8Array(0);

function datagram(fields: Partial<ObjectDatagram> = {}): ObjectDatagram {
  return {
    trackAlias: 7,
    group: 3,
    object: 0,
    priority: null,
    endOfGroup: false,
    status: 'normal',
    properties: NO_BYTES,
    payload: Uint8Array.of(0x61),
    ...fields,
  };
}

/** A raw publisher of the track, whose SUBSCRIBE_OK `establish` sends. */
function pending(limits = {}) {
  const peer = new RawPeer({ role: 'client', limits });
  const request = peer.session.subscribe(NAME, {});
  peer.collect();
  const ok = { trackAlias: 7, trackProperties: Uint8Array.of(0x0e, 9) };
  const bytes = messageBytes({ kind: 'subscribe-ok', ok }, requestContext('subscribe', 'responder', false));
  return { peer, request, establish: () => peer.write(-2, bytes) };
}

function objects(peer: RawPeer) {
  return peer.notices.filter((notice) => notice.kind === 'datagram');
}

describe('object datagrams', () => {
  it('carry objects of subscriptions that either side started', () => {
    const pair = establishedPair();
    const { client, server } = pair;
    const subscribed = client.session.subscribe(NAME, {});
    const published = server.session.publish(track('other'), 8);
    pair.run();
    const { trackAlias: _ours, ...fields } = datagram({ object: 2, priority: 4, endOfGroup: true });
    expect(() => server.session.sendDatagram(subscribed, fields)).toThrow('not been accepted');
    server.session.acceptSubscribe(subscribed, { trackAlias: 7 });
    server.session.sendDatagram(subscribed, fields);
    server.session.sendDatagram(published, { ...fields, group: 9, endOfGroup: false, priority: null });
    pair.run();
    const { group, object, status, properties, payload } = fields;
    const received = { group, subgroup: null, object, status, priority: 4, properties, payload };
    expect(client.all('datagram')).toEqual([
      { kind: 'datagram', request: subscribed, object: received, endOfGroup: true },
      { kind: 'datagram', request: published, object: { ...received, group: 9, priority: 128 }, endOfGroup: false },
    ]);
    server.session.publishDone(subscribed, { code: 2, streamCount: 0, reason: '' });
    server.session.sendDatagram(subscribed, fields);
    pair.run();
    expect(client.all('datagram')).toHaveLength(2);
    expect(client.one('publish-done').request).toBe(subscribed);
  });

  it('carry a status in place of a payload', () => {
    const { peer, request, establish } = pending();
    establish();
    for (const status of ['end-of-group', 'end-of-track'] as const) {
      peer.datagram(encodeObjectDatagram(datagram({ status, payload: NO_BYTES, object: 4 })));
    }
    expect(objects(peer)).toMatchObject([
      { request, object: { status: 'end-of-group', object: 4, priority: 9 } },
      { request, object: { status: 'end-of-track', object: 4, priority: 9 } },
    ]);
    const { session } = establishedPair().server;
    const faulty = session.publish(NAME, 1);
    expect(() => session.sendDatagram(faulty, datagram({ status: 'end-of-group' }))).toThrow(EncodeError);
  });

  it('wait for their alias for a short time, within bounds', () => {
    const { peer, establish } = pending({ heldBytesMax: 200, unknownAliasStreamsMax: 2 });
    for (const payload of ['a', 'b', 'c']) {
      peer.datagram(encodeObjectDatagram(datagram({ payload: new TextEncoder().encode(payload) })));
    }
    peer.datagram(encodeObjectDatagram(datagram({ payload: new Uint8Array(1000) })));
    expect(peer.session.usage.waitingStreams).toBe(2);
    establish();
    expect(objects(peer).map(({ object }) => textOf(object.payload))).toEqual(['a', 'b']);
    peer.datagram(encodeObjectDatagram(datagram({ trackAlias: 99 })));
    expect(peer.session.usage).toMatchObject({ waitingStreams: 1, deadlines: 1 });
    peer.advance(2_000);
    expect(peer.session.usage).toMatchObject({ waitingStreams: 0, heldBytes: 0, deadlines: 0 });
    expect(objects(peer)).toHaveLength(2);
  });

  it('of a subscription that is over, and those of padding, are dropped', () => {
    const { peer, request, establish } = pending();
    establish();
    peer.session.cancel(request);
    peer.collect();
    peer.datagram(encodeObjectDatagram(datagram()));
    peer.datagram(joinBytes([Uint8Array.of(0xf0, 0x13, 0x2b, 0x3e, 0x29), new Uint8Array(10)]));
    expect(objects(peer)).toEqual([]);
    expect(peer.session.usage).toMatchObject({ waitingStreams: 0, heldBytes: 0 });
    expect(peer.closeCode).toBe(null);
  });

  it('count for the bound of a PUBLISH without an answer', () => {
    const peer = new RawPeer({ limits: { unansweredPublishBytesMax: 5 } });
    peer.open(true, messageBytes({ kind: 'publish', requestId: 0, name: NAME, trackAlias: 7, parameters: {} }));
    for (let i = 0; i < 3; i++) peer.datagram(encodeObjectDatagram(datagram({ payload: new Uint8Array(2) })));
    expect(objects(peer)).toHaveLength(2);
    peer.session.acceptPublish(0);
    peer.datagram(encodeObjectDatagram(datagram({ payload: new Uint8Array(20) })));
    expect(objects(peer)).toHaveLength(3);
  });

  it('of a track that contradicts itself end its subscription', () => {
    const { peer, request, establish } = pending();
    establish();
    // PRIOR_GROUP_ID_GAP above the group.
    peer.datagram(encodeObjectDatagram(datagram({ properties: Uint8Array.of(0x3c, 5) })));
    expect(peer.notices.at(-1)).toMatchObject({
      kind: 'request-error',
      request,
      error: { code: RequestErrorCode.MALFORMED_TRACK },
    });
    const subscriber = new RawPeer();
    subscriber.open(true, messageBytes({ kind: 'publish', requestId: 0, name: NAME, trackAlias: 7, parameters: {} }));
    subscriber.datagram(encodeObjectDatagram(datagram({ properties: Uint8Array.of(0x3c, 5) })));
    expect(subscriber.notices.at(-1)).toMatchObject({ kind: 'cancelled', request: 0, code: 0x12 });
    expect(subscriber.session.usage).toMatchObject({ streams: 0, requests: 0, subscriptions: 0 });
  });

  it('that are malformed close the session, known alias or not', () => {
    const cases: [string, Uint8Array][] = [
      ['no bytes', NO_BYTES],
      ['unknown type', Uint8Array.of(0x10, 7, 1, 1)],
      ['status and end of group', Uint8Array.of(0x22, 7, 2, 3, 0)],
      ['properties of no length', Uint8Array.of(0x01, 7, 1, 1, 128, 0)],
      ['properties with a status', Uint8Array.of(0x21, 7, 1, 1, 128, 2, 0x38, 1, 3)],
      ['unknown status', Uint8Array.of(0x20, 7, 1, 1, 128, 1)],
      ['bytes behind a status', Uint8Array.of(0x20, 7, 1, 1, 128, 3, 0)],
      ['cut off', Uint8Array.of(0x00, 7, 1)],
    ];
    for (const [name, bytes] of cases) {
      const { peer } = pending();
      peer.datagram(bytes);
      expect([name, peer.closeCode]).toEqual([name, SessionTerminationCode.PROTOCOL_VIOLATION]);
    }
  });
});
