import { describe, expect, it } from 'vitest';
import { PublishDoneCode, RequestError, RequestErrorCode, SessionTerminationCode, StreamResetCode } from '../errors.js';
import { requestContext } from '../messages/context.js';
import type { Message } from '../messages/message.js';
import { groupHead, joinBytes, nextObject, textOf } from '../testing/data.js';
import { messageBytes, RawPeer } from '../testing/raw-peer.js';
import { establishedPair, track } from '../testing/sessions.js';
import type { PublishParameters } from './contract.js';

const NAME = track('platform/health/pop/fra1');
const NO_BYTES = new Uint8Array(0);
const ENDED = { code: PublishDoneCode.TRACK_ENDED, streamCount: 1, reason: 'ended' };
const REFUSED = { code: RequestErrorCode.UNINTERESTED, reason: 'no', retryIntervalMs: null };

/** A pair with a PUBLISH of the client's that the server has not answered. */
function offered(parameters: PublishParameters = {}, limits = {}) {
  const pair = establishedPair({ limits });
  const request = pair.client.session.publish(NAME, 7, parameters);
  pair.run();
  return { pair, request };
}

function accepted(parameters: PublishParameters = {}) {
  const { pair, request } = offered(parameters);
  pair.server.session.acceptPublish(request);
  pair.run();
  return { pair, request };
}

/** PUBLISH of a raw client. */
function publishBytes(requestId: number, trackAlias: number, name = NAME, trackProperties = NO_BYTES): Uint8Array {
  return messageBytes({ kind: 'publish', requestId, name, trackAlias, parameters: {}, trackProperties });
}

function heard(peer: RawPeer, kind: string): unknown[] {
  return peer.notices.filter((notice) => notice.kind === kind);
}

/** A message of the publisher's on the stream of its PUBLISH. */
function fromPublisher(message: Message): Uint8Array {
  return messageBytes(message, requestContext('publish', 'requester', true));
}

function done(streamCount: number): Uint8Array {
  return fromPublisher({ kind: 'publish-done', done: { ...ENDED, streamCount } });
}

/** What the session answered on a request stream: type and first field. */
function answerOn(peer: RawPeer, stream: number): (number | undefined)[] {
  const { bytes } = peer.on(stream).find(({ kind }) => kind === 'write')!;
  return [bytes[0], bytes[3]];
}

const EMPTY = { streams: 0, requests: 0, subscriptions: 0, waitingStreams: 0, heldBytes: 0, deadlines: 0 };

describe('PUBLISH', () => {
  it('carries a subscription that the publisher starts, up to PUBLISH_DONE', () => {
    const pair = establishedPair();
    const { client, server } = pair;
    const parameters = { largest: { group: 2, object: 9 }, expiresMs: 5_000 };
    const trackProperties = Uint8Array.of(0x0e, 9);
    const request = client.session.publish(NAME, client.session.trackAlias(7), parameters, trackProperties);
    pair.run();
    expect(server.one('publish')).toMatchObject({ request, trackAlias: 7, parameters, trackProperties });
    expect(server.one('publish').name.key).toBe(NAME.key);
    const ok = { forward: true, subscriberPriority: 3, filter: { kind: 'next-group-start' } } as const;
    server.session.acceptPublish(request, { ...ok, objectDeliveryTimeoutMs: 500, groupOrder: 'descending' });
    pair.run();
    expect(client.one('publish-ok')).toMatchObject({ request, ok: { ...ok, objectDeliveryTimeoutMs: 500 } });
    client.session.writeData(client.session.openSubgroup(request, groupHead(7, 4), 0), nextObject('a'), true);
    client.session.publishDone(request, { ...ENDED, streamCount: client.session.streamsOpened(request) });
    pair.run();
    const data = ['subgroup', 'object', 'subgroup-end', 'publish-done'];
    expect(server.kinds()).toEqual(['setup', 'publish', ...data]);
    expect(server.one('object').object.priority).toBe(9);
    expect(server.one('publish-done')).toMatchObject({ request, done: ENDED });
    for (const { session } of [client, server]) expect(session.usage).toMatchObject(EMPTY);
  });

  it('is followed by its data at once, also when the data overtakes it', () => {
    for (const overtakes of [false, true]) {
      const pair = establishedPair({ pick: (count) => (overtakes ? count - 1 : 0) });
      const { client, server } = pair;
      const request = client.session.publish(NAME, 7);
      client.session.writeData(client.session.openSubgroup(request, groupHead(7, 1), 0), nextObject('early'), true);
      pair.run();
      expect(server.kinds()).toEqual(['setup', 'publish', 'subgroup', 'object', 'subgroup-end']);
      expect(textOf(server.one('object').object.payload)).toBe('early');
      server.session.acceptPublish(request);
      client.session.publishDone(request, ENDED);
      pair.run();
      expect(server.session.usage).toMatchObject(EMPTY);
    }
  });

  it('brings no more data than its bound before it is answered', () => {
    const { pair, request } = offered({}, { unansweredPublishBytesMax: 10 });
    const { client, server } = pair;
    const first = client.session.openSubgroup(request, groupHead(7, 1), 0);
    client.session.writeData(first, nextObject('123456'), false);
    client.session.writeData(first, nextObject('123456'), false);
    pair.run();
    expect(server.all('object')).toHaveLength(1);
    expect(server.one('subgroup-reset').code).toBe(StreamResetCode.EXCESSIVE_LOAD);
    expect(client.actions.at(-1)).toMatchObject({ kind: 'reset', stream: first });
    server.session.acceptPublish(request);
    const second = client.session.openSubgroup(request, groupHead(7, 2), 0);
    for (const text of ['123456', '1234567890', 'x']) client.session.writeData(second, nextObject(text), text === 'x');
    pair.run();
    expect(server.all('object')).toHaveLength(4);
    expect(server.session.usage.heldBytes).toBe(0);
  });

  it('is refused: its data streams are reset, late ones are stopped, and the publisher hears it once', () => {
    const { pair, request } = offered();
    const { client, server } = pair;
    const stream = client.session.openSubgroup(request, groupHead(7, 1), 0);
    pair.run();
    server.session.reject(request, REFUSED);
    pair.run();
    expect(client.one('request-error')).toMatchObject({ request, error: REFUSED, update: false });
    expect(client.actions).toContainEqual(expect.objectContaining({ kind: 'reset', stream }));
    expect(server.actions).toContainEqual(
      expect.objectContaining({ kind: 'stop-sending', stream: -stream, code: StreamResetCode.CANCELLED }),
    );
    for (const { session } of [client, server]) expect(session.usage).toMatchObject(EMPTY);

    const peer = new RawPeer();
    peer.open(true, publishBytes(0, 7));
    peer.session.reject(0, REFUSED);
    peer.collect();
    const late = peer.open(false, joinBytes([groupHead(7, 1), nextObject('a')]));
    expect(peer.on(late)).toMatchObject([{ kind: 'stop-sending', code: StreamResetCode.CANCELLED }]);
  });

  it('hears why it is refused where STOP_SENDING overtakes the answer', () => {
    const peer = new RawPeer({ role: 'client' });
    const request = peer.session.publish(NAME, 7);
    const data = peer.session.openSubgroup(request, groupHead(7, 1), 0);
    peer.collect();
    peer.stopSending(-2, 1);
    expect(peer.on(data).at(-1)).toMatchObject({ kind: 'reset', code: StreamResetCode.CANCELLED });
    expect(heard(peer, 'request-error')).toEqual([]);
    const refusal = { kind: 'request-error', error: REFUSED } as const;
    peer.write(-2, messageBytes(refusal, requestContext('publish', 'responder', false)), true);
    expect(heard(peer, 'request-error')).toMatchObject([{ request, error: REFUSED }]);
    expect(peer.session.usage).toMatchObject(EMPTY);
  });

  it('is over where STOP_SENDING comes before an answer that accepts it, or instead of one', () => {
    const acceptance = { kind: 'request-ok', ok: {} } as const;
    const answers = [
      (peer: RawPeer) => peer.write(-2, messageBytes(acceptance, requestContext('publish', 'responder', false))),
      (peer: RawPeer) => peer.reset(-2, 1),
    ];
    for (const answer of answers) {
      const peer = new RawPeer({ role: 'client' });
      const request = peer.session.publish(NAME, 7);
      peer.collect();
      peer.stopSending(-2, 1);
      answer(peer);
      expect(heard(peer, 'publish-ok')).toEqual([]);
      expect(heard(peer, 'request-error')).toMatchObject([{ request, error: { code: null } }]);
      expect(peer.session.usage).toMatchObject(EMPTY);
    }
  });

  it('that is refused resets the data that went ahead, without being asked to', () => {
    const peer = new RawPeer({ role: 'client' });
    const request = peer.session.publish(NAME, 7);
    const data = peer.session.openSubgroup(request, groupHead(7, 1), 0);
    peer.collect();
    const refusal = { kind: 'request-error', error: REFUSED } as const;
    peer.write(-2, messageBytes(refusal, requestContext('publish', 'responder', false)), true);
    expect(peer.on(data).at(-1)).toMatchObject({ kind: 'reset', code: StreamResetCode.CANCELLED });
    expect(peer.session.openSubgroup(request, groupHead(7, 2), 0)).toBe(0);
    expect(peer.session.usage).toMatchObject({ ...EMPTY, streams: 0 });
  });

  it('ends when either side cancels it', () => {
    const subscriber = accepted();
    subscriber.pair.client.session.openSubgroup(subscriber.request, groupHead(7, 1), 0);
    subscriber.pair.run();
    subscriber.pair.server.session.abort(subscriber.request, StreamResetCode.CANCELLED);
    subscriber.pair.run();
    expect(subscriber.pair.client.one('request-error')).toMatchObject({ error: { code: null }, update: false });
    expect(subscriber.pair.client.session.usage).toMatchObject(EMPTY);

    const publisher = accepted();
    publisher.pair.client.session.cancel(publisher.request);
    publisher.pair.run();
    expect(publisher.pair.server.one('cancelled').request).toBe(publisher.request);
    expect(publisher.pair.client.all('request-error')).toEqual([]);
    for (const { session } of [publisher.pair.client, publisher.pair.server]) {
      expect(session.usage).toMatchObject(EMPTY);
    }
  });

  it('goes on when the subscriber closes its direction, and ends when the publisher does without PUBLISH_DONE', () => {
    const peer = new RawPeer({ role: 'client' });
    const request = peer.session.publish(NAME, 7);
    peer.collect();
    const ok = messageBytes({ kind: 'request-ok', ok: {} }, requestContext('publish', 'responder', false));
    peer.write(-2, ok, true);
    expect(peer.notices.map(({ kind }) => kind)).toEqual(['setup', 'publish-ok']);
    peer.session.publishDone(request, ENDED);
    peer.collect();
    expect(peer.on(-2).at(-1)).toMatchObject({ kind: 'write', fin: true });
    expect(peer.session.usage).toMatchObject(EMPTY);

    const server = new RawPeer();
    server.open(true, publishBytes(0, 7), true);
    expect(server.notices.at(-1)).toMatchObject({ kind: 'cancelled', request: 0 });
    expect(server.session.usage).toMatchObject(EMPTY);
  });

  it('is answered exactly once, also when PUBLISH_DONE comes before the answer', () => {
    const open = [new RawPeer(), new RawPeer(), new RawPeer()];
    const streams = open.map((peer) => peer.open(true, joinBytes([publishBytes(0, 7), done(1)]), true));
    const [late, refusing, silent] = open as [RawPeer, RawPeer, RawPeer];
    late.session.acceptPublish(0);
    refusing.session.reject(0, REFUSED);
    for (const peer of open) {
      peer.advance(60_000);
      peer.collect();
    }
    expect(late.on(streams[0]!)).toMatchObject([{ kind: 'write', fin: true }]);
    expect(answerOn(late, streams[0]!)).toEqual([0x7, 0]);
    for (const [i, peer] of [refusing, silent].entries()) {
      expect(peer.on(streams[i + 1]!)).toMatchObject([{ kind: 'write', fin: true }]);
      expect(answerOn(peer, streams[i + 1]!)).toEqual([0x5, RequestErrorCode.UNINTERESTED]);
    }
    expect(late.notices.at(-1)).toMatchObject({ kind: 'publish-done', request: 0 });
    expect(silent.notices.at(-1)).toMatchObject({ kind: 'publish-done', request: 0 });
    expect(() => late.session.acceptPublish(0)).not.toThrow();
    for (const peer of open) expect(peer.session.usage).toMatchObject(EMPTY);
  });

  it('waits for late streams after PUBLISH_DONE', () => {
    const peer = new RawPeer();
    const stream = peer.open(true, publishBytes(0, 7));
    peer.session.acceptPublish(0, { subgroupDeliveryTimeoutMs: 9_000 });
    peer.write(stream, done(2), true);
    peer.open(false, joinBytes([groupHead(7, 1), nextObject('a')]), true);
    peer.advance(8_999);
    expect(peer.notices.at(-1)?.kind).toBe('subgroup-end');
    peer.open(false, joinBytes([groupHead(7, 2), nextObject('b')]), true);
    expect(peer.notices.at(-1)).toMatchObject({ kind: 'publish-done', done: { streamCount: 2 } });
    expect(peer.session.usage).toMatchObject(EMPTY);
  });

  it('with a mandatory property that is not understood is refused, and with one that is, not', () => {
    // Type 0x4002, even: an integer.
    const trackProperties = Uint8Array.of(0xc0, 0x40, 0x02, 1);
    for (const understood of [[], [0x4002]]) {
      const peer = new RawPeer({ mandatoryTrackProperties: new Set(understood) });
      const stream = peer.open(true, publishBytes(0, 7, NAME, trackProperties));
      const kinds = peer.notices.map(({ kind }) => kind);
      if (understood.length > 0) expect(kinds).toEqual(['setup', 'publish']);
      else {
        expect(kinds).toEqual(['setup']);
        expect(answerOn(peer, stream)).toEqual([0x5, RequestErrorCode.UNSUPPORTED_EXTENSION]);
      }
    }
  });
});

describe('mandatory track properties', () => {
  const trackProperties = Uint8Array.of(0xc0, 0x40, 0x02, 1);

  it('that are not understood cancel a subscription and a fetch', () => {
    const pair = establishedPair();
    const { client, server } = pair;
    const subscription = client.session.subscribe(NAME, {});
    const end = { group: 9, object: 0 };
    const range = { kind: 'standalone', name: NAME, start: { group: 0, object: 0 }, end } as const;
    const fetch = client.session.fetch(range, {});
    pair.run();
    server.session.acceptSubscribe(subscription, { trackAlias: 1, trackProperties });
    server.session.acceptFetch(fetch, { endOfTrack: false, end, trackProperties });
    pair.run();
    expect(client.kinds()).toEqual(['setup', 'request-error', 'request-error']);
    for (const { error } of client.all('request-error')) {
      expect(error.code).toBe(RequestErrorCode.UNSUPPORTED_EXTENSION);
    }
    expect(server.all('cancelled').map(({ request }) => request)).toEqual([subscription, fetch]);
    for (const { session } of [client, server]) expect(session.usage).toMatchObject(EMPTY);
  });
});

describe('a second subscription to a track', () => {
  it('by PUBLISH is refused while one stands, and its data with it', () => {
    const peer = new RawPeer();
    peer.open(true, publishBytes(0, 7));
    const early = peer.open(false, joinBytes([groupHead(8, 1), nextObject('a')]));
    const second = peer.open(true, publishBytes(2, 8));
    expect(answerOn(peer, second)).toEqual([0x5, RequestErrorCode.DUPLICATE_SUBSCRIPTION]);
    expect(peer.on(early)).toMatchObject([{ kind: 'stop-sending', code: StreamResetCode.CANCELLED }]);
    expect(peer.session.usage).toMatchObject({ waitingStreams: 0, heldBytes: 0, deadlines: 0 });
    peer.session.abort(0, StreamResetCode.CANCELLED);
    peer.open(true, publishBytes(4, 9));
    expect(peer.notices.at(-1)).toMatchObject({ kind: 'publish', request: 4 });
  });

  it('by PUBLISH is refused while a SUBSCRIBE of ours is established', () => {
    const pair = establishedPair();
    const request = pair.server.session.subscribe(NAME, {});
    pair.run();
    pair.client.session.acceptSubscribe(request, { trackAlias: 1 });
    pair.run();
    expect(() => pair.client.session.publish(NAME, 2)).toThrow(RequestError);
    const peer = new RawPeer();
    const subscription = peer.session.subscribe(NAME, {});
    peer.collect();
    const ok = { kind: 'subscribe-ok', ok: { trackAlias: 1 } } as const;
    peer.write(-2, messageBytes(ok, requestContext('subscribe', 'responder', false)));
    const stream = peer.open(true, publishBytes(0, 1));
    expect(answerOn(peer, stream)).toEqual([0x5, RequestErrorCode.DUPLICATE_SUBSCRIPTION]);
    // The alias belongs to the subscription that stands.
    peer.open(false, joinBytes([groupHead(1, 1), nextObject('a')]), true);
    expect(peer.notices.at(-1)).toMatchObject({ kind: 'subgroup-end', request: subscription });
  });

  it('by SUBSCRIBE is refused while a PUBLISH of ours is pending or established', () => {
    for (const answered of [false, true]) {
      const { pair } = answered ? accepted() : offered();
      const request = pair.server.session.subscribe(NAME, {});
      pair.run();
      expect(pair.server.one('request-error')).toMatchObject({
        request,
        error: { code: RequestErrorCode.DUPLICATE_SUBSCRIPTION },
      });
      expect(pair.client.all('subscribe')).toEqual([]);
    }
  });

  it('that crosses leaves the PUBLISH alone, in whichever order the messages come', () => {
    for (const pick of [0, 1, 2, 3]) {
      const pair = establishedPair({ pick: (count) => pick % count });
      const published = pair.client.session.publish(NAME, 7);
      const subscribed = pair.server.session.subscribe(NAME, {});
      for (let steps = 0; steps < 100 && pair.server.all('publish').length === 0; steps++) pair.step();
      pair.server.session.acceptPublish(published);
      pair.run();
      expect(pair.client.all('subscribe')).toEqual([]);
      expect(pair.server.one('request-error')).toMatchObject({
        request: subscribed,
        error: { code: RequestErrorCode.DUPLICATE_SUBSCRIPTION },
      });
      expect(pair.client.one('publish-ok').request).toBe(published);
      pair.client.session.publishDone(published, { ...ENDED, streamCount: 0 });
      pair.run();
      for (const { session } of [pair.client, pair.server]) expect(session.usage).toMatchObject(EMPTY);
    }
  });

  it('is given up before PUBLISH_OK is sent', () => {
    const peer = new RawPeer();
    const subscription = peer.session.subscribe(NAME, {});
    const stream = peer.open(true, publishBytes(0, 7));
    const from = peer.actions.length;
    peer.session.acceptPublish(0);
    peer.collect();
    expect(peer.actions.slice(from).map(({ kind, stream: key }) => [kind, key])).toEqual([
      ['reset', -2],
      ['stop-sending', -2],
      ['notice', 0],
      ['write', stream],
    ]);
    expect(peer.notices.at(-1)).toMatchObject({ kind: 'request-error', request: subscription });
  });
});

describe('the alias of a PUBLISH', () => {
  it('that stands for another track closes the session', () => {
    for (const answered of [false, true]) {
      const peer = new RawPeer();
      peer.open(true, publishBytes(0, 7));
      if (answered) peer.session.acceptPublish(0);
      peer.open(true, publishBytes(2, 7, track('other')));
      expect(peer.closeCode).toBe(SessionTerminationCode.DUPLICATE_TRACK_ALIAS);
    }
  });

  it('may be used again once the subscription is over', () => {
    const peer = new RawPeer();
    const stream = peer.open(true, publishBytes(0, 7));
    peer.session.acceptPublish(0);
    peer.write(stream, done(0), true);
    peer.open(true, publishBytes(2, 7, track('other')));
    peer.open(false, joinBytes([groupHead(7, 1), nextObject('a')]), true);
    expect(peer.notices.at(-1)).toMatchObject({ kind: 'subgroup-end', request: 2 });
    expect(peer.closeCode).toBe(null);
  });
});

describe('updates of a PUBLISH', () => {
  it('come from the subscriber once it has accepted', () => {
    const { pair, request } = offered();
    expect(() => pair.server.session.update(request, { forward: false })).toThrow('not allowed');
    pair.server.session.acceptPublish(request);
    pair.server.session.update(request, { forward: false });
    pair.server.session.update(request, { subscriberPriority: 3 });
    pair.run();
    expect(pair.client.all('update').map(({ parameters }) => parameters)).toEqual([
      { forward: false },
      { subscriberPriority: 3 },
    ]);
    pair.client.session.acceptUpdate(request, { largest: { group: 1, object: 0 } });
    pair.run();
    expect(pair.server.one('update-ok')).toMatchObject({ request, ok: { largest: { group: 1, object: 0 } } });
    pair.client.session.rejectUpdate(request, { ...REFUSED, code: RequestErrorCode.INVALID_RANGE });
    pair.client.session.publishDone(request, { ...ENDED, code: PublishDoneCode.UPDATE_FAILED, streamCount: 0 });
    pair.run();
    expect(pair.server.one('request-error')).toMatchObject({ request, update: true });
    expect(pair.server.one('publish-done').done.code).toBe(PublishDoneCode.UPDATE_FAILED);
    for (const { session } of [pair.client, pair.server]) expect(session.usage).toMatchObject(EMPTY);
  });

  it('come from the publisher too, and are answered after the PUBLISH', () => {
    const { pair, request } = offered();
    pair.client.session.update(request, { authorizationTokens: [{ type: 0, value: Uint8Array.of(1) }] });
    pair.run();
    expect(pair.server.all('update')).toEqual([]);
    pair.server.session.acceptPublish(request);
    pair.server.session.acceptUpdate(request);
    pair.run();
    expect(pair.client.kinds()).toEqual(['setup', 'publish-ok', 'update-ok']);
  });

  it('that the session rejects end it with UPDATE_FAILED', () => {
    const { pair, request } = accepted();
    const token = { type: 0, value: Uint8Array.of(1) };
    pair.server.session.update(request, { authorizationTokens: [token, token] });
    pair.run();
    expect(pair.server.one('request-error')).toMatchObject({ update: true, error: { code: 0x4 } });
    expect(pair.client.one('request-error')).toMatchObject({ request, update: false, error: { code: null } });
    pair.advance(60_000);
    expect(pair.server.one('publish-done').done.code).toBe(PublishDoneCode.UPDATE_FAILED);
    for (const { session } of [pair.client, pair.server]) expect(session.usage).toMatchObject(EMPTY);
  });

  it('that the session rejects as subscriber end it there', () => {
    const { pair, request } = accepted();
    const token = { type: 0, value: Uint8Array.of(1) };
    pair.client.session.update(request, { authorizationTokens: [token, token] });
    pair.run();
    expect(pair.client.all('request-error').map(({ update }) => update)).toEqual([true, false]);
    expect(pair.server.one('cancelled').request).toBe(request);
    for (const { session } of [pair.client, pair.server]) expect(session.usage).toMatchObject(EMPTY);
  });
});

describe('a joining FETCH on a PUBLISH', () => {
  it('is served once PUBLISH_OK has come, also when it overtakes it', () => {
    for (const overtakes of [false, true]) {
      const { pair, request } = offered();
      pair.server.session.acceptPublish(request);
      const range = { kind: 'relative-joining', subscription: request, groupsBack: 1 } as const;
      const fetch = pair.server.session.fetch(range, {});
      const order: string[] = [];
      if (overtakes) {
        // The FETCH opens a stream of its own; the answer waits on the stream of the PUBLISH.
        const late = establishedPair({ pick: (count) => count - 1 });
        const publication = late.client.session.publish(NAME, 7);
        while (late.server.all('publish').length === 0) late.step();
        late.server.session.acceptPublish(publication);
        late.server.session.fetch({ ...range, subscription: publication }, {});
        late.run();
        order.push(...late.client.kinds());
        expect(late.client.session.usage.deadlines).toBe(0);
      } else {
        pair.run();
        order.push(...pair.client.kinds());
        expect(pair.client.one('fetch')).toMatchObject({ request: fetch, range });
      }
      expect(order).toEqual(['setup', 'publish-ok', 'fetch']);
    }
  });

  it('is refused without Forward State 1, and when the PUBLISH is over or is never accepted', () => {
    const { pair, request } = offered();
    const range = { kind: 'relative-joining', subscription: request, groupsBack: 1 } as const;
    pair.server.session.acceptPublish(request, { forward: false });
    pair.server.session.fetch(range, {});
    pair.run();
    pair.client.session.publishDone(request, { ...ENDED, streamCount: 0 });
    pair.server.session.fetch(range, {});
    pair.run();
    const second = offered();
    second.pair.server.session.fetch({ ...range, subscription: second.request }, {});
    second.pair.run();
    expect(second.pair.server.all('request-error')).toEqual([]);
    second.pair.server.session.reject(second.request, REFUSED);
    second.pair.run();
    const codes = [...pair.server.all('request-error'), ...second.pair.server.all('request-error')];
    const { INVALID_RANGE, INVALID_JOINING_REQUEST_ID } = RequestErrorCode;
    const expected = [INVALID_RANGE, INVALID_JOINING_REQUEST_ID, INVALID_JOINING_REQUEST_ID];
    expect(codes.map(({ error }) => error.code)).toEqual(expected);
    expect(second.pair.client.session.usage).toMatchObject({ ...EMPTY, fetches: 0 });
  });
});

describe('malformed input on the stream of a PUBLISH', () => {
  const ok: Message = { kind: 'request-ok', ok: {} };

  it('from the publisher closes the session', () => {
    const update = { kind: 'request-update', requestId: 0, parameters: {} } as const;
    const cases: [string, Uint8Array, number][] = [
      ['an answer to no update', fromPublisher(ok), SessionTerminationCode.PROTOCOL_VIOLATION],
      ['a refusal of no update', fromPublisher({ kind: 'request-error', error: REFUSED }), 0x3],
      ['PUBLISH_DONE twice', joinBytes([done(9), done(9)]), SessionTerminationCode.PROTOCOL_VIOLATION],
      ['a second PUBLISH', publishBytes(2, 8), SessionTerminationCode.PROTOCOL_VIOLATION],
      ['an update with a used id', fromPublisher(update), SessionTerminationCode.INVALID_REQUEST_ID],
    ];
    for (const [name, bytes, code] of cases) {
      const peer = new RawPeer();
      peer.open(true, joinBytes([publishBytes(0, 7), bytes]));
      expect([name, peer.closeCode]).toEqual([name, code]);
    }
  });

  it('from the subscriber closes the session', () => {
    const unanswered = (message: Message) => messageBytes(message, requestContext('publish', 'responder', false));
    const answered = (message: Message) => messageBytes(message, requestContext('publish', 'responder', true));
    const update = answered({ kind: 'request-update', requestId: 1, parameters: {} });
    const cases: [string, Uint8Array][] = [
      ['two answers', joinBytes([unanswered(ok), unanswered(ok)])],
      ['an update before the answer', update],
      ['a refusal after the answer', joinBytes([unanswered(ok), answered({ kind: 'request-error', error: REFUSED })])],
      ['PUBLISH_DONE', joinBytes([unanswered(ok), done(0)])],
      ['track properties', Uint8Array.of(0x07, 0, 3, 0, 0x0e, 7)],
    ];
    for (const [name, bytes] of cases) {
      const peer = new RawPeer({ role: 'client' });
      peer.session.publish(NAME, 7);
      peer.collect();
      peer.write(-2, bytes);
      expect([name, peer.closeCode]).toEqual([name, SessionTerminationCode.PROTOCOL_VIOLATION]);
    }
  });

  it('comes to the same notices however the stream is cut', () => {
    const bytes = joinBytes([publishBytes(0, 7, NAME, Uint8Array.of(0x0e, 7)), done(0)]);
    const notices = (cut: number) => {
      const peer = new RawPeer();
      const stream = peer.open(true, bytes.slice(0, cut));
      peer.write(stream, bytes.slice(cut), true);
      return peer.notices;
    };
    const whole = notices(bytes.length);
    expect(whole.map(({ kind }) => kind)).toEqual(['setup', 'publish', 'publish-done']);
    for (let cut = 0; cut < bytes.length; cut++) expect(notices(cut)).toEqual(whole);
  });
});
