import { describe, expect, it } from 'vitest';
import {
  EncodeError,
  PublishDoneCode,
  RequestError,
  RequestErrorCode,
  SessionTerminationCode,
  STREAM_COUNT_UNKNOWN,
  StreamResetCode,
} from '../../../../protocol/src/index.js';
import {
  answersOn,
  bytes,
  clientPeer,
  doneTo,
  establishedPair,
  FIRST_REQUEST,
  frame,
  groupHead,
  joinBytes,
  later,
  messageBytes,
  nextObject,
  RawPeer,
  requestsOn,
  response,
  trackOf,
} from './support.js';

const NAME = trackOf(['a']);
const { PROTOCOL_VIOLATION, INVALID_REQUEST_ID } = SessionTerminationCode;
const { DUPLICATE_SUBSCRIPTION, INVALID_RANGE, INVALID_JOINING_REQUEST_ID, UNINTERESTED } = RequestErrorCode;
const { CANCELLED } = StreamResetCode;
const REJECTION = { code: RequestErrorCode.UNAUTHORIZED, reason: '', retryIntervalMs: null };
const DONE = { code: PublishDoneCode.TRACK_ENDED, streamCount: 0, reason: '' };
const RANGE = { kind: 'standalone', name: NAME, start: { group: 3, object: 0 }, end: { group: 9, object: 0 } } as const;

const subscribe = (requestId: number, name = NAME, parameters = {}) =>
  messageBytes({ kind: 'subscribe', requestId, name, parameters });
const publish = (requestId: number, name = NAME, trackAlias = requestId) =>
  messageBytes({ kind: 'publish', requestId, name, trackAlias, parameters: {} });
const update = (kind: Parameters<typeof later>[0], requestId: number, parameters = {}) =>
  later(kind, { kind: 'request-update', requestId, parameters });

/** A pair of which the client is subscribed to `NAME`. */
function subscribedPair() {
  const pair = establishedPair();
  const request = pair.client.session.subscribe(NAME, {});
  pair.run();
  pair.server.session.acceptSubscribe(request, { trackAlias: 1 });
  pair.run();
  return { pair, request, publisher: pair.server.session };
}

describe('SUBSCRIBE', () => {
  it('N073 N229: has one answer, SUBSCRIBE_OK or REQUEST_ERROR', () => {
    const peer = new RawPeer();
    const stream = peer.open(true, subscribe(0));
    peer.session.acceptSubscribe(0, { trackAlias: 1 });
    expect(() => peer.session.acceptSubscribe(0, { trackAlias: 1 })).toThrow();
    expect(() => peer.session.reject(0, REJECTION)).toThrow();
    peer.collect();
    expect(answersOn(peer, stream, 'subscribe').map(({ kind }) => kind)).toEqual(['subscribe-ok']);
  });

  it('N078: to a track that is subscribed to already, or received by a PUBLISH, fails, either way round', () => {
    const peer = new RawPeer();
    peer.open(true, subscribe(0));
    peer.session.acceptSubscribe(0, { trackAlias: 1 });
    const second = peer.open(true, subscribe(2));
    expect(answersOn(peer, second, 'subscribe')).toMatchObject([{ error: { code: DUPLICATE_SUBSCRIPTION } }]);
    const offered = trackOf(['offered']);
    peer.open(true, publish(4, offered));
    peer.session.acceptPublish(4);
    const again = peer.open(true, publish(6, offered));
    expect(answersOn(peer, again, 'publish')).toMatchObject([{ error: { code: DUPLICATE_SUBSCRIPTION } }]);
  });

  it('N079: to a track whose subscription has no answer yet fails', () => {
    const peer = new RawPeer();
    peer.open(true, subscribe(0));
    const second = peer.open(true, subscribe(2));
    expect(answersOn(peer, second, 'subscribe')).toMatchObject([{ error: { code: DUPLICATE_SUBSCRIPTION } }]);
    const publisher = new RawPeer();
    publisher.session.publish(NAME, 1);
    const crossing = publisher.open(true, subscribe(0));
    expect(answersOn(publisher, crossing, 'subscribe')).toMatchObject([{ error: { code: DUPLICATE_SUBSCRIPTION } }]);
  });

  it('N080: that crosses a PUBLISH is over before PUBLISH_OK goes', () => {
    const peer = clientPeer((session) => session.subscribe(NAME, {}));
    const stream = peer.open(true, publish(1));
    const before = peer.actions.length;
    peer.session.acceptPublish(1);
    peer.collect();
    const order = peer.actions.slice(before).map(({ kind, stream: on }) => `${kind} ${on}`);
    const ended = order.indexOf(`stop-sending ${FIRST_REQUEST}`);
    expect(ended).toBeGreaterThanOrEqual(0);
    expect(order.indexOf(`write ${stream}`)).toBeGreaterThan(ended);
  });

  it('N135: that waits for its answer keeps a PUBLISH of the track from being sent', () => {
    const peer = new RawPeer();
    peer.open(true, subscribe(0));
    expect(() => peer.session.publish(NAME, 1)).toThrow(RequestError);
    expect(() => peer.session.publish(trackOf(['another']), 1)).not.toThrow();
  });

  it('N082: that is cancelled resets the streams of its objects', () => {
    const { pair, request, publisher } = subscribedPair();
    const stream = publisher.openSubgroup(request, groupHead(1, 1), 1);
    pair.run();
    pair.client.session.cancel(request);
    pair.run();
    const done = pair.server.actions.filter((action) => action.kind === 'reset' && action.stream === stream);
    expect(done).toMatchObject([{ code: CANCELLED }]);
  });
});

describe('PUBLISH', () => {
  it('N074: has one answer, PUBLISH_OK or REQUEST_ERROR', () => {
    const peer = new RawPeer();
    const stream = peer.open(true, publish(0));
    peer.session.acceptPublish(0);
    expect(() => peer.session.acceptPublish(0)).toThrow();
    expect(() => peer.session.reject(0, REJECTION)).toThrow();
    peer.collect();
    expect(answersOn(peer, stream, 'publish').map(({ kind }) => kind)).toEqual(['request-ok']);
    // One that is over before the application has answered it is answered, too.
    const ended = peer.open(true, publish(2, trackOf(['b'])));
    peer.write(ended, later('publish', { kind: 'publish-done', done: DONE }));
    expect(answersOn(peer, ended, 'publish').map(({ kind }) => kind)).toEqual(['request-error']);
  });

  it('N075: a second answer to it closes the session', () => {
    const ok = response('publish', { kind: 'request-ok', ok: {} });
    const error = response('publish', { kind: 'request-error', error: REJECTION });
    for (const second of [ok, error]) {
      const peer = clientPeer((session) => session.publish(NAME, 1));
      peer.write(FIRST_REQUEST, joinBytes([ok, second]));
      expect(peer.closeCode).toBe(PROTOCOL_VIOLATION);
    }
  });

  it('N084: that is refused brings no objects any more', () => {
    const peer = clientPeer((session) => session.publish(NAME, 1));
    const stream = peer.session.openSubgroup(0, groupHead(1, 1), 1);
    peer.collect();
    peer.write(FIRST_REQUEST, response('publish', { kind: 'request-error', error: REJECTION }));
    peer.session.writeData(stream, nextObject('late'), true);
    peer.session.openSubgroup(0, groupHead(1, 2), 1);
    peer.collect();
    expect(doneTo(peer, stream)).toEqual(['open', 'write', `reset ${CANCELLED}`]);
    expect(peer.actions.filter(({ kind, bidirectional }) => kind === 'open' && !bidirectional)).toHaveLength(2);
  });

  it('N236: that is not wanted is answered UNINTERESTED, and its streams are stopped', () => {
    const peer = new RawPeer();
    const request = peer.open(true, publish(0));
    const open = peer.open(false, groupHead(0, 1));
    const reason = { code: UNINTERESTED, reason: '', retryIntervalMs: null };
    peer.session.reject(0, reason);
    peer.collect();
    const late = peer.open(false, groupHead(0, 2));
    expect(answersOn(peer, request, 'publish')).toMatchObject([{ error: { code: UNINTERESTED } }]);
    expect([doneTo(peer, open), doneTo(peer, late)]).toEqual(Array(2).fill([`stop-sending ${CANCELLED}`]));
  });
});

describe('PUBLISH_DONE', () => {
  it('N083 N237: comes after the end of every stream of the subscription, and nothing after it', () => {
    const { pair, request, publisher } = subscribedPair();
    const stream = publisher.openSubgroup(request, groupHead(1, 1), 1);
    publisher.publishDone(request, { ...DONE, streamCount: 1 });
    publisher.sendDatagram(request, DATAGRAM);
    publisher.openSubgroup(request, groupHead(1, 2), 1);
    pair.run();
    const actions = pair.server.actions.filter(({ kind }) => kind !== 'notice').map(({ kind }) => kind);
    expect(actions.slice(-2)).toEqual(['reset', 'write']);
    expect(pair.server.actions.at(-2)?.stream).toBe(stream);
  });

  it('N238: is the last thing of a subscription: until then it is served', () => {
    const { pair, request, publisher } = subscribedPair();
    publisher.openSubgroup(request, groupHead(1, 1), 1);
    expect(publisher.streamsOpened(request)).toBe(1);
    publisher.publishDone(request, { ...DONE, streamCount: 1 });
    expect(publisher.streamsOpened(request)).toBe(0);
    pair.run();
    expect(publisher.usage).toMatchObject({ subscriptions: 0, requests: 0, streams: 0 });
  });

  it('N239: is followed by FIN at once', () => {
    const peer = new RawPeer();
    const stream = peer.open(true, subscribe(0));
    peer.session.acceptSubscribe(0, { trackAlias: 1 });
    peer.session.publishDone(0, DONE);
    const own = peer.session.publish(trackOf(['b']), 2);
    peer.session.publishDone(own, DONE);
    peer.collect();
    expect(doneTo(peer, stream)).toEqual(['write', 'fin']);
    expect(doneTo(peer, FIRST_REQUEST)).toEqual(['open', 'write', 'fin']);
  });

  /** A subscription that ended with PUBLISH_DONE before one of its streams has come. */
  function ending(parameters: { objectDeliveryTimeoutMs?: number }, streamCount = 1) {
    const peer = clientPeer((session) => session.subscribe(NAME, parameters), {
      limits: { publishDoneWaitMs: 2_000, publishDoneWaitMsMax: 30_000 },
    });
    peer.write(FIRST_REQUEST, response('subscribe', { kind: 'subscribe-ok', ok: { trackAlias: 1 } }));
    const done = { ...DONE, streamCount };
    peer.write(FIRST_REQUEST, response('subscribe', { kind: 'publish-done', done }, true), true);
    return peer;
  }
  const told = (peer: RawPeer) => peer.notices.filter(({ kind }) => kind === 'publish-done').length;

  it('N240: late objects are waited for at least as long as the delivery time-outs', () => {
    const patient = ending({ objectDeliveryTimeoutMs: 7_000 });
    patient.advance(6_999);
    expect(told(patient)).toBe(0);
    patient.open(false, joinBytes([groupHead(1, 1), nextObject('late')]), true);
    expect([told(patient), patient.notices.some(({ kind }) => kind === 'object')]).toEqual([1, true]);
  });

  it('N241: streams that still come or are open when it is over are stopped', () => {
    const peer = ending({}, 2);
    const open = peer.open(false, groupHead(1, 1));
    peer.advance(100_000);
    expect(told(peer)).toBe(1);
    expect(doneTo(peer, open)).toEqual([`stop-sending ${CANCELLED}`]);
    const late = peer.open(false, groupHead(1, 2));
    expect(doneTo(peer, late)).toEqual([`stop-sending ${CANCELLED}`]);
  });

  it('N242: names no stream where none was opened', () => {
    const { pair, request, publisher } = subscribedPair();
    publisher.publishDone(request, { ...DONE, streamCount: publisher.streamsOpened(request) });
    pair.run();
    expect(pair.client.one('publish-done').done.streamCount).toBe(0);
  });

  it('N243: a count that is not known is 2^62 - 1', () => {
    const peer = new RawPeer();
    const stream = peer.open(true, subscribe(0));
    peer.session.acceptSubscribe(0, { trackAlias: 1 });
    peer.session.publishDone(0, { ...DONE, streamCount: STREAM_COUNT_UNKNOWN });
    peer.collect();
    const hex = Buffer.from(peer.on(stream).at(-1)!.bytes).toString('hex');
    expect(hex).toBe('0b000b02ff3fffffffffffffff00');
  });

  it('N244: a count that is wrong, or the largest one, keeps a subscription for a bounded time', () => {
    for (const streamCount of [5, STREAM_COUNT_UNKNOWN]) {
      const peer = ending({}, streamCount);
      peer.advance(1_999);
      expect(told(peer)).toBe(0);
      peer.advance(1);
      expect(told(peer)).toBe(1);
      expect(peer.session.usage).toMatchObject({ requests: 0, subscriptions: 0, deadlines: 0 });
    }
  });

  it('N245: its code says why', () => {
    const { pair, request, publisher } = subscribedPair();
    publisher.publishDone(request, { code: PublishDoneCode.TOO_FAR_BEHIND, streamCount: 0, reason: 'slow' });
    pair.run();
    expect(pair.client.one('publish-done').done).toMatchObject({ code: 0x5, reason: 'slow' });
  });
});

const DATAGRAM = {
  group: 1,
  object: 1,
  priority: null,
  endOfGroup: false,
  status: 'normal',
  properties: bytes(''),
  payload: bytes('61'),
} as const;

describe('filters', () => {
  const filtered = (hex: string) => {
    const peer = new RawPeer();
    peer.open(true, frame('03', `00010161017401${'21'}${(hex.length / 2).toString(16).padStart(2, '0')}${hex}`));
    return peer.closeCode;
  };

  it('N085: an end beyond 2^64 - 1 closes the session', () => {
    expect(filtered(`0401${'00'}${'ff'.repeat(9)}`)).toBe(PROTOCOL_VIOLATION);
    expect(filtered(`0401${'00'}fffffffffffffffffe`)).toBe(null);
  });

  it('N086: an unknown type closes the session', () => {
    for (const type of ['00', '05', '20']) expect(filtered(type)).toBe(PROTOCOL_VIOLATION);
    expect(filtered('02')).toBe(null);
  });
});

describe('FETCH', () => {
  const fetch = (requestId: number, range: Parameters<RawPeer['session']['fetch']>[0] = RANGE) =>
    messageBytes({ kind: 'fetch', requestId, range, parameters: {} });
  const ok = { endOfTrack: false, end: { group: 5, object: 1 } };

  it('N089: has one answer, FETCH_OK or REQUEST_ERROR', () => {
    const peer = new RawPeer();
    const stream = peer.open(true, fetch(0));
    peer.session.acceptFetch(0, ok);
    expect(() => peer.session.acceptFetch(0, ok)).toThrow();
    expect(() => peer.session.reject(0, REJECTION)).toThrow();
    peer.collect();
    expect(answersOn(peer, stream, 'fetch').map(({ kind }) => kind)).toEqual(['fetch-ok']);
  });

  it('N090: is cancelled with STOP_SENDING', () => {
    const peer = clientPeer((session) => session.cancel(session.fetch(RANGE, {})));
    expect(doneTo(peer, FIRST_REQUEST)).toContain(`stop-sending ${CANCELLED}`);
  });

  it('N091: when it is cancelled, its request stream and its data are reset', () => {
    const peer = new RawPeer();
    const request = peer.open(true, fetch(0));
    peer.session.acceptFetch(0, ok);
    const data = peer.session.openFetch(0, 1);
    peer.collect();
    peer.stopSending(request, CANCELLED);
    expect(doneTo(peer, request)).toEqual(['write', `reset ${CANCELLED}`, `stop-sending ${CANCELLED}`]);
    expect(doneTo(peer, data)).toEqual(['open', 'write', `reset ${CANCELLED}`]);
  });

  it('N246: an unknown type closes the session', () => {
    for (const type of ['00', '04']) {
      const peer = new RawPeer();
      peer.open(true, frame('16', `00${type}000000`));
      expect(peer.closeCode).toBe(PROTOCOL_VIOLATION);
    }
  });

  it('N252: a range that ends before it starts is refused', () => {
    const peer = new RawPeer();
    const start = { group: 3, object: 2 };
    const backwards = [
      { group: 2, object: 0 },
      { group: 3, object: 1 },
    ];
    const answers = backwards.map((end, index) => {
      const stream = peer.open(true, fetch(2 * index, { kind: 'standalone', name: NAME, start, end }));
      return answersOn(peer, stream, 'fetch')[0];
    });
    expect(answers).toMatchObject(Array(2).fill({ error: { code: INVALID_RANGE } }));
  });

  it('N256: an end before the start in FETCH_OK closes the session', () => {
    const answered = (end: { group: number; object: number }) => {
      const peer = clientPeer((session) => session.fetch(RANGE, {}));
      peer.write(FIRST_REQUEST, response('fetch', { kind: 'fetch-ok', ok: { endOfTrack: false, end } }));
      return peer.closeCode;
    };
    expect(answered({ group: 2, object: 0 })).toBe(PROTOCOL_VIOLATION);
    expect(answered({ group: 3, object: 1 })).toBe(null);
  });
});

describe('a joining FETCH', () => {
  const join = (requestId: number, subscription: number) =>
    messageBytes({
      kind: 'fetch',
      requestId,
      range: { kind: 'relative-joining', subscription, groupsBack: 0 },
      parameters: {},
    });

  it('N247: of a subscription with Forward State 0 is refused', () => {
    const peer = new RawPeer();
    peer.open(true, subscribe(0, NAME, { forward: false }));
    const stream = peer.open(true, join(2, 0));
    expect(answersOn(peer, stream, 'fetch')).toMatchObject([{ error: { code: INVALID_RANGE } }]);
  });

  it('N248: counts with the updates that came before it', () => {
    const peer = new RawPeer();
    const subscription = peer.open(true, subscribe(0, NAME, { forward: false }));
    peer.session.acceptSubscribe(0, { trackAlias: 1 });
    peer.write(subscription, update('subscribe', 2, { forward: true }));
    peer.open(true, join(4, 0));
    peer.write(subscription, update('subscribe', 6, { forward: false }));
    const refused = peer.open(true, join(8, 0));
    expect(peer.notices.map(({ kind }) => kind)).toEqual(['setup', 'subscribe', 'update', 'fetch', 'update']);
    expect(answersOn(peer, refused, 'fetch')).toMatchObject([{ error: { code: INVALID_RANGE } }]);
  });

  it('N250: of a request that is no subscription is refused', () => {
    const peer = new RawPeer();
    peer.open(true, messageBytes({ kind: 'track-status', requestId: 0, name: NAME, parameters: {} }));
    peer.open(true, subscribe(2));
    peer.session.reject(2, REJECTION);
    const codes = [0, 2, 1].map((subscription, index) => {
      const stream = peer.open(true, join(4 + 2 * index, subscription));
      return answersOn(peer, stream, 'fetch')[0];
    });
    expect(codes).toMatchObject(Array(3).fill({ error: { code: INVALID_JOINING_REQUEST_ID } }));
  });
});

describe('REQUEST_UPDATE', () => {
  const error = { code: RequestErrorCode.NOT_SUPPORTED, reason: '', retryIntervalMs: null };

  it('N230 N234: each has one answer', () => {
    const peer = new RawPeer();
    const stream = peer.open(true, subscribe(0));
    peer.session.acceptSubscribe(0, { trackAlias: 1 });
    peer.write(stream, joinBytes([update('subscribe', 2), update('subscribe', 4)]));
    for (let i = 0; i < 3; i++) peer.session.acceptUpdate(0);
    peer.collect();
    const kinds = answersOn(peer, stream, 'subscribe').map(({ kind }) => kind);
    expect(kinds).toEqual(['subscribe-ok', 'request-ok', 'request-ok']);
  });

  it('N231: of a subscription that fails ends it with UPDATE_FAILED', () => {
    const peer = new RawPeer({ limits: { tokenCacheBytesMax: 100 } });
    const token = { type: 1, value: bytes('61') };
    const stream = peer.open(true, subscribe(0));
    peer.session.acceptSubscribe(0, { trackAlias: 1 });
    peer.write(stream, update('subscribe', 2, { authorizationTokens: [token, token] }));
    expect(answersOn(peer, stream, 'subscribe').slice(1)).toMatchObject([
      { kind: 'request-error' },
      { kind: 'publish-done', done: { code: PublishDoneCode.UPDATE_FAILED } },
    ]);
    expect(doneTo(peer, stream).at(-1)).toBe('fin');
  });

  it('N232: of a fetch that fails resets its data', () => {
    const peer = new RawPeer();
    const stream = peer.open(true, messageBytes({ kind: 'fetch', requestId: 0, range: RANGE, parameters: {} }));
    peer.session.acceptFetch(0, { endOfTrack: false, end: { group: 5, object: 1 } });
    const data = peer.session.openFetch(0, 1);
    peer.write(stream, update('fetch', 2));
    peer.session.rejectUpdate(0, error);
    peer.collect();
    expect(doneTo(peer, data)).toEqual(['open', 'write', `reset ${CANCELLED}`]);
  });

  it('N233: of a namespace request that fails closes its stream', () => {
    const { namespace } = NAME;
    const requests = [
      { kind: 'publish-namespace', requestId: 0, namespace, parameters: {} },
      { kind: 'subscribe-namespace', requestId: 2, prefix: namespace, parameters: {} },
      { kind: 'subscribe-tracks', requestId: 4, prefix: namespace, parameters: {} },
    ] as const;
    for (const message of requests) {
      const peer = new RawPeer();
      const stream = peer.open(true, messageBytes(message));
      peer.session.acceptRequest(message.requestId);
      peer.write(stream, update(message.kind, 10));
      peer.session.rejectUpdate(message.requestId, error);
      peer.collect();
      expect(doneTo(peer, stream)).toEqual(['write', 'write', 'fin']);
      expect(peer.session.usage.requests).toBe(0);
    }
  });
});

describe('Request IDs', () => {
  it('N148: of the wrong parity, or used before, close the session', () => {
    const close = (...ids: number[]) => {
      const peer = new RawPeer();
      for (const id of ids) peer.open(true, subscribe(id, trackOf([`t${peer.actions.length}`])));
      return peer.closeCode;
    };
    expect(close(0, 2, 6, 4)).toBe(null);
    expect(close(1)).toBe(INVALID_REQUEST_ID);
    expect(close(0, 0)).toBe(INVALID_REQUEST_ID);
    expect(close(0, 6, 4, 6)).toBe(INVALID_REQUEST_ID);
    const updated = new RawPeer();
    const stream = updated.open(true, subscribe(0));
    updated.write(stream, update('subscribe', 0));
    expect(updated.closeCode).toBe(INVALID_REQUEST_ID);
  });
});

describe('namespaces', () => {
  const { namespace } = NAME;
  const KINDS = ['publish-namespace', 'subscribe-namespace', 'subscribe-tracks'] as const;
  const request = (kind: (typeof KINDS)[number], requestId: number, of = namespace) =>
    kind === 'publish-namespace'
      ? messageBytes({ kind, requestId, namespace: of, parameters: {} })
      : messageBytes({ kind, requestId, prefix: of, parameters: {} });

  it.each([
    ['N092', 'subscribe-namespace'],
    ['N092', 'subscribe-tracks'],
    ['N097', 'publish-namespace'],
  ] as const)('%s: %s has one answer', (_row, kind) => {
    const peer = new RawPeer();
    const stream = peer.open(true, request(kind, 0));
    peer.session.acceptRequest(0);
    expect(() => peer.session.acceptRequest(0)).toThrow();
    expect(() => peer.session.reject(0, REJECTION)).toThrow();
    peer.collect();
    expect(answersOn(peer, stream, kind).map((message) => message.kind)).toEqual(['request-ok']);
  });

  it('N093: no PUBLISH follows PUBLISH_BLOCKED of the track', () => {
    const peer = new RawPeer();
    const stream = peer.open(true, request('subscribe-tracks', 0));
    peer.session.acceptRequest(0);
    peer.session.publishBlocked(0, NAME);
    peer.collect();
    expect(answersOn(peer, stream, 'subscribe-tracks').map(({ kind }) => kind)).toEqual([
      'request-ok',
      'publish-blocked',
    ]);
    expect(() => peer.session.publish(NAME, 1)).toThrow(RequestError);
    expect(peer.session.publish(trackOf(['b']), 1)).toBe(1);
  });

  it('N096: the application hears how its PUBLISH_NAMESPACE was answered', () => {
    const pair = establishedPair();
    const [accepted, refused] = [1, 2].map(() => pair.client.session.publishNamespace(namespace));
    pair.run();
    pair.server.session.acceptRequest(accepted!);
    pair.server.session.reject(refused!, REJECTION);
    pair.run();
    expect(pair.client.one('request-ok').request).toBe(accepted);
    expect(pair.client.one('request-error')).toMatchObject({ request: refused, error: { code: REJECTION.code } });
  });

  it('N098: a second answer to PUBLISH_NAMESPACE closes the session', () => {
    const ok = response('publish-namespace', { kind: 'request-ok', ok: {} });
    const peer = clientPeer((session) => session.publishNamespace(namespace));
    peer.write(FIRST_REQUEST, joinBytes([ok, ok]));
    expect(peer.closeCode).toBe(PROTOCOL_VIOLATION);
  });

  it.each([
    ['N257', 'subscribe-namespace', '50'],
    ['N264', 'subscribe-tracks', '51'],
  ] as const)('%s: %s with a prefix of 33 fields closes the session', (_row, _kind, type) => {
    const close = (count: number) => {
      const peer = new RawPeer();
      peer.open(true, frame(type, `00${count.toString(16)}${'0161'.repeat(count)}00`));
      return peer.closeCode;
    };
    expect([close(32), close(33)]).toEqual([null, PROTOCOL_VIOLATION]);
  });

  it.each([
    ['N258', 'subscribe-namespace', frame('08', '00')],
    ['N265', 'subscribe-tracks', frame('0f', '0000')],
  ] as const)('%s: an answer to %s that is none closes the session', (_row, kind, sent) => {
    for (const first of [sent, frame('0e', '00'), frame('04', '0100'), frame('0b', '020000')]) {
      const peer = clientPeer((session) =>
        kind === 'subscribe-namespace' ? session.subscribeNamespace(namespace) : session.subscribeTracks(namespace),
      );
      peer.write(FIRST_REQUEST, first);
      expect(peer.closeCode).toBe(PROTOCOL_VIOLATION);
    }
  });

  it.each([
    ['N259', 'subscribe-namespace', 'subscribe-tracks'],
    ['N266', 'subscribe-tracks', 'subscribe-namespace'],
  ] as const)('%s: a prefix of %s that overlaps another one is refused', (_row, kind, other) => {
    const overlap = { error: { code: RequestErrorCode.PREFIX_OVERLAP } };
    const peer = new RawPeer();
    const first = peer.open(true, request(kind, 0, trackOf(['a', 'b']).namespace));
    peer.session.acceptRequest(0);
    const same = peer.open(true, request(kind, 2, trackOf(['a', 'b']).namespace));
    const shorter = peer.open(true, request(kind, 4, trackOf(['a']).namespace));
    const longer = peer.open(true, request(kind, 6, trackOf(['a', 'b', 'c']).namespace));
    for (const stream of [same, shorter, longer]) expect(answersOn(peer, stream, kind)).toMatchObject([overlap]);
    const apart = peer.open(true, request(kind, 8, trackOf(['a', 'c']).namespace));
    const ofTheOtherKind = peer.open(true, request(other, 10, trackOf(['a']).namespace));
    expect([answersOn(peer, apart, kind), answersOn(peer, ofTheOtherKind, other)]).toEqual([[], []]);
    peer.collect();
    expect(answersOn(peer, first, kind)).toMatchObject([{ kind: 'request-ok' }]);
  });

  it.each([
    ['N186', 'subscribe-namespace'],
    ['N235', 'subscribe-namespace'],
    ['N235', 'subscribe-tracks'],
  ] as const)('%s: an update of %s to a prefix that overlaps another one is refused', (_row, kind) => {
    const peer = new RawPeer();
    const stream = peer.open(true, request(kind, 0, trackOf(['a']).namespace));
    peer.session.acceptRequest(0);
    peer.open(true, request(kind, 2, trackOf(['b']).namespace));
    peer.session.acceptRequest(2);
    peer.write(stream, update(kind, 4, { namespacePrefix: trackOf(['b', 'c']).namespace }));
    expect(answersOn(peer, stream, kind).at(-1)).toMatchObject({ error: { code: RequestErrorCode.PREFIX_OVERLAP } });
  });

  it('N261: NAMESPACE_DONE is not sent before its NAMESPACE', () => {
    const peer = new RawPeer();
    const stream = peer.open(true, request('subscribe-namespace', 0));
    peer.session.acceptRequest(0);
    const announced = trackOf(['a', 'x']).namespace;
    peer.session.namespaceDone(0, announced);
    peer.session.namespacePublished(0, announced);
    peer.session.namespaceDone(0, announced);
    peer.session.namespaceDone(0, announced);
    peer.collect();
    const kinds = answersOn(peer, stream, 'subscribe-namespace').map(({ kind }) => kind);
    expect(kinds).toEqual(['request-ok', 'namespace', 'namespace-done']);
  });

  const ok = response('subscribe-namespace', { kind: 'request-ok', ok: {} });

  it('N262: NAMESPACE_DONE before its NAMESPACE closes the session', () => {
    const peer = clientPeer((session) => session.subscribeNamespace(namespace));
    peer.write(FIRST_REQUEST, joinBytes([ok, frame('08', '010178'), frame('0e', '010178')]));
    expect(peer.closeCode).toBe(null);
    peer.write(FIRST_REQUEST, frame('0e', '010178'));
    expect(peer.closeCode).toBe(PROTOCOL_VIOLATION);
  });

  it('N263: the end of the response ends each namespace', () => {
    for (const end of ['fin', 'reset'] as const) {
      const peer = clientPeer((session) => session.subscribeNamespace(namespace));
      peer.write(FIRST_REQUEST, joinBytes([ok, frame('08', '010178'), frame('08', '010179'), frame('0e', '010178')]));
      if (end === 'fin') peer.write(FIRST_REQUEST, bytes(''), true);
      else peer.reset(FIRST_REQUEST, 1);
      const ended = peer.notices.filter(({ kind }) => kind === 'namespace-done');
      expect(ended).toHaveLength(2);
    }
  });
});

describe('requests of ours', () => {
  it('N178: a token that was renewed goes with an update', () => {
    const { pair, request } = subscribedPair();
    const token = { type: 1, value: bytes('6162') };
    pair.client.session.update(request, { authorizationTokens: [token] });
    pair.run();
    expect(pair.server.one('update').parameters.authorizationTokens).toEqual([token]);
  });

  it('N149: parameters go ascending by type', () => {
    const parameters = { newGroupRequest: 1, forward: true, objectDeliveryTimeoutMs: 5, subscriberPriority: 3 };
    const peer = clientPeer((session) => session.subscribe(NAME, parameters));
    const hex = Buffer.from(peer.on(FIRST_REQUEST)[1]!.bytes).toString('hex');
    expect(hex).toBe('03000f00010161017404' + '0205' + '0e01' + '1003' + '1201');
    expect(requestsOn(peer, FIRST_REQUEST, 'subscribe')).toMatchObject([{ parameters }]);
  });

  it('N153: no parameter goes twice, tokens apart', () => {
    const tokens = [1, 2].map((type) => ({ type, value: bytes('61') }));
    const peer = clientPeer((session) => session.subscribe(NAME, { authorizationTokens: tokens, forward: false }));
    const hex = Buffer.from(peer.on(FIRST_REQUEST)[1]!.bytes).toString('hex');
    expect(hex).toBe('03001300010161017403' + '0303030161' + '0003030261' + '0d00');
  });

  it('N151: a parameter that the draft does not give a message is not sent', () => {
    const { session } = clientPeer();
    const misplaced = { fillTimeoutMs: 5 } as object;
    expect(() => session.subscribe(NAME, misplaced)).toThrow(EncodeError);
  });
});
