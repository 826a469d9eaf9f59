import { describe, expect, it } from 'vitest';
import { PublishDoneCode, RequestErrorCode, SessionTerminationCode, StreamResetCode } from '../errors.js';
import { requestContext } from '../messages/context.js';
import { STREAM_COUNT_UNKNOWN } from '../model/requests.js';
import { messageBytes, RawPeer } from '../testing/raw-peer.js';
import { establishedPair, track } from '../testing/sessions.js';

const NAME = track('platform/health/pop/fra1');

function refusal(code: number) {
  return { code, reason: 'no', retryIntervalMs: 250 };
}

/** A pair with one established subscription of the client's. */
function subscribed(parameters = {}) {
  const pair = establishedPair();
  const request = pair.client.session.subscribe(NAME, parameters);
  pair.run();
  pair.server.session.acceptSubscribe(request, { trackAlias: 1 });
  pair.run();
  return { pair, request };
}

describe('requests', () => {
  it('hands a rejection with code, reason and retry interval to the requester, once', () => {
    const pair = establishedPair();
    const request = pair.client.session.subscribe(NAME, {});
    pair.run();
    pair.server.session.reject(request, refusal(RequestErrorCode.UNAUTHORIZED));
    pair.run();
    const error = { code: RequestErrorCode.UNAUTHORIZED, reason: 'no', retryIntervalMs: 250 };
    expect(pair.client.one('request-error')).toEqual({ kind: 'request-error', request, error, update: false });
    expect(pair.server.all('cancelled')).toEqual([]);
  });

  it('fails a second subscription to a track with DUPLICATE_SUBSCRIPTION, and only while the first stands', () => {
    const { pair, request } = subscribed();
    pair.client.session.subscribe(NAME, {});
    pair.run();
    expect(pair.client.one('request-error').error.code).toBe(RequestErrorCode.DUPLICATE_SUBSCRIPTION);
    expect(pair.server.all('subscribe')).toHaveLength(1);
    pair.client.session.cancel(request);
    pair.run();
    pair.client.session.subscribe(NAME, {});
    pair.run();
    expect(pair.server.all('subscribe')).toHaveLength(2);
  });

  it('lets the subscriber cancel: the publisher hears it, its data streams are reset, the subscriber hears nothing', () => {
    const { pair, request } = subscribed();
    const stream = pair.server.session.openSubgroup(request, Uint8Array.of(0x30, 1, 5), 0);
    pair.run();
    const before = pair.client.notices.length;
    pair.client.session.cancel(request);
    pair.run();
    expect(pair.server.one('cancelled')).toMatchObject({ request, code: StreamResetCode.CANCELLED });
    expect(pair.server.actions.some(({ kind, stream: key }) => kind === 'reset' && key === stream)).toBe(true);
    expect(pair.client.notices.slice(before)).toEqual([]);
  });

  it('ends a request that the responder aborts without an answer or after it', () => {
    const { pair, request } = subscribed();
    pair.server.session.abort(request, StreamResetCode.GOING_AWAY);
    const second = pair.client.session.fetch(
      { kind: 'standalone', name: NAME, start: { group: 0, object: 0 }, end: { group: 1, object: 0 } },
      {},
    );
    pair.run();
    pair.server.session.abort(second, StreamResetCode.EXCESSIVE_LOAD);
    pair.run();
    expect(pair.client.all('request-error').map(({ request, error }) => [request, error.code])).toEqual([
      [request, null],
      [second, null],
    ]);
  });

  it('BUS-70: announces a namespace and takes cancellation and FIN as its withdrawal', () => {
    const pair = establishedPair();
    const request = pair.client.session.publishNamespace(NAME.namespace);
    pair.run();
    expect(pair.server.one('publish-namespace').namespace.key).toBe(NAME.namespace.key);
    pair.server.session.acceptRequest(request);
    pair.run();
    expect(pair.client.one('request-ok').request).toBe(request);
    pair.client.session.cancel(request);
    pair.run();
    expect(pair.server.one('cancelled').request).toBe(request);

    const peer = new RawPeer();
    const message = { kind: 'publish-namespace', requestId: 0, namespace: NAME.namespace, parameters: {} } as const;
    const stream = peer.open(true, messageBytes(message));
    peer.session.acceptRequest(0);
    peer.write(stream, new Uint8Array(0), true);
    expect(peer.notices.at(-1)).toMatchObject({ kind: 'cancelled', request: 0 });
    expect(peer.on(stream).at(-1)).toMatchObject({ kind: 'write', fin: true });
    expect(peer.session.usage).toMatchObject({ streams: 0, requests: 0 });
  });

  it('keeps a request whose requester has closed its own direction', () => {
    const peer = new RawPeer();
    const message = { kind: 'subscribe', requestId: 0, name: NAME, parameters: {} } as const;
    const stream = peer.open(true, messageBytes(message), true);
    peer.session.acceptSubscribe(0, { trackAlias: 0 });
    peer.collect();
    expect(peer.notices.map(({ kind }) => kind)).toEqual(['setup', 'subscribe']);
    expect(peer.on(stream)).toMatchObject([{ kind: 'write', fin: false }]);
  });

  it('tells a responder that revokes a namespace after accepting it', () => {
    const pair = establishedPair();
    const request = pair.client.session.publishNamespace(NAME.namespace);
    pair.run();
    pair.server.session.acceptRequest(request);
    pair.run();
    pair.server.session.abort(request, StreamResetCode.EXPIRED_AUTH_TOKEN);
    pair.run();
    expect(pair.client.one('request-error')).toMatchObject({ request, error: { code: null } });
  });

  it('answers TRACK_STATUS with what SUBSCRIBE_OK would say', () => {
    const pair = establishedPair();
    const request = pair.client.session.trackStatus(NAME);
    pair.run();
    expect(pair.server.one('track-status').name.key).toBe(NAME.key);
    const ok = { largest: { group: 9, object: 2 }, trackProperties: Uint8Array.of(0x0e, 7) };
    pair.server.session.acceptRequest(request, ok);
    pair.run();
    expect(pair.client.one('request-ok')).toEqual({ kind: 'request-ok', request, ok });
    expect(pair.client.session.usage).toMatchObject({ streams: 0, requests: 0 });
    expect(pair.server.session.usage).toMatchObject({ streams: 0, requests: 0 });
  });

  it('carries updates and their answers in order', () => {
    const { pair, request } = subscribed();
    pair.client.session.update(request, { subscriberPriority: 3 });
    pair.client.session.update(request, { newGroupRequest: 12, forward: false, objectDeliveryTimeoutMs: 500 });
    pair.run();
    expect(pair.server.all('update').map(({ parameters }) => parameters)).toEqual([
      { subscriberPriority: 3 },
      { newGroupRequest: 12, forward: false, objectDeliveryTimeoutMs: 500 },
    ]);
    pair.server.session.acceptUpdate(request);
    pair.server.session.acceptUpdate(request, { largest: { group: 4, object: 0 } });
    pair.run();
    expect(pair.client.all('update-ok').map(({ ok }) => ok)).toEqual([{}, { largest: { group: 4, object: 0 } }]);
  });

  it('ends a subscription whose update failed with PUBLISH_DONE', () => {
    const { pair, request } = subscribed();
    pair.client.session.update(request, { filter: { kind: 'absolute-start', start: { group: 1, object: 0 } } });
    pair.run();
    pair.server.session.rejectUpdate(request, refusal(RequestErrorCode.INVALID_RANGE));
    pair.server.session.publishDone(request, { code: PublishDoneCode.UPDATE_FAILED, streamCount: 0, reason: '' });
    pair.run();
    expect(pair.client.one('request-error')).toMatchObject({ request, update: true, error: { code: 0x11 } });
    expect(pair.client.one('publish-done').done.code).toBe(PublishDoneCode.UPDATE_FAILED);
  });

  it('answers updates that were sent before the answer to the request only after it', () => {
    const pair = establishedPair();
    const request = pair.client.session.subscribe(NAME, {});
    pair.client.session.update(request, { subscriberPriority: 1 });
    pair.run();
    expect(pair.server.all('update')).toEqual([]);
    pair.server.session.acceptSubscribe(request, { trackAlias: 1 });
    pair.server.session.acceptUpdate(request);
    pair.run();
    expect(pair.client.kinds()).toEqual(['setup', 'subscribe-ok', 'update-ok']);
  });

  it('ends a subscription itself when it has to reject an update', () => {
    const { pair, request } = subscribed();
    const token = { type: 0, value: Uint8Array.of(1) };
    pair.client.session.update(request, { authorizationTokens: [token, token] });
    pair.run();
    expect(pair.client.one('request-error')).toMatchObject({ update: true, error: { code: 0x4 } });
    expect(pair.server.one('cancelled').request).toBe(request);
    pair.advance(60_000);
    expect(pair.client.one('publish-done').done).toMatchObject({
      code: PublishDoneCode.UPDATE_FAILED,
      streamCount: STREAM_COUNT_UNKNOWN,
    });
  });

  it('ends a request once when several updates that came before the answer are rejected', () => {
    const pair = establishedPair();
    const request = pair.client.session.publishNamespace(NAME.namespace);
    const token = { type: 0, value: Uint8Array.of(1) };
    for (let i = 0; i < 3; i++) pair.client.session.update(request, { authorizationTokens: [token, token] });
    pair.client.session.update(request, {});
    pair.run();
    pair.server.session.acceptRequest(request);
    pair.run();
    expect(pair.server.kinds()).toEqual(['setup', 'publish-namespace', 'cancelled']);
  });

  it('ends a request once when its update is rejected and the requester closes its direction with it', () => {
    const peer = new RawPeer();
    const prefix = NAME.namespace;
    const stream = peer.open(true, messageBytes({ kind: 'subscribe-namespace', requestId: 0, prefix, parameters: {} }));
    peer.session.acceptRequest(0);
    const token = { type: 0, value: Uint8Array.of(1) };
    const update = {
      kind: 'request-update',
      requestId: 2,
      parameters: { authorizationTokens: [token, token] },
    } as const;
    const context = requestContext('subscribe-namespace', 'requester', true);
    peer.write(stream, messageBytes(update, context), true);
    expect(peer.notices.map(({ kind }) => kind)).toEqual(['setup', 'subscribe-namespace', 'cancelled']);
    expect(peer.on(stream).filter(({ fin }) => fin)).toHaveLength(1);
  });

  it('refuses a request that is not sent whole in time, and one that waits at a type', () => {
    const peer = new RawPeer();
    const half = messageBytes({ kind: 'subscribe', requestId: 0, name: NAME, parameters: {} }).slice(0, -1);
    const request = peer.open(true, half);
    const data = peer.open(false, Uint8Array.of(0xf0));
    peer.advance(9_999);
    expect([...peer.on(request), ...peer.on(data)]).toEqual([]);
    peer.advance(1);
    const code = StreamResetCode.EXCESSIVE_LOAD;
    expect(peer.on(request)).toMatchObject([
      { kind: 'reset', code },
      { kind: 'stop-sending', code },
    ]);
    expect(peer.on(data)).toMatchObject([{ kind: 'stop-sending', code }]);
    expect(peer.session.usage).toMatchObject({ streams: 0, deadlines: 0 });
    expect(peer.closeCode).toBe(null);
  });

  it('closes the session for a redirect of a namespace request that names a track', () => {
    const redirect = { connectUri: '', name: NAME };
    const error = { code: RequestErrorCode.REDIRECT, reason: '', retryIntervalMs: null, redirect };
    const cases = [
      ['publish-namespace', SessionTerminationCode.PROTOCOL_VIOLATION],
      ['subscribe-namespace', SessionTerminationCode.PROTOCOL_VIOLATION],
      ['subscribe', null],
    ] as const;
    for (const [kind, closeCode] of cases) {
      const peer = new RawPeer({ role: 'client' });
      if (kind === 'subscribe') peer.session.subscribe(NAME, {});
      else if (kind === 'publish-namespace') peer.session.publishNamespace(NAME.namespace);
      else peer.session.subscribeNamespace(NAME.namespace);
      peer.collect();
      peer.write(-2, messageBytes({ kind: 'request-error', error }, requestContext(kind, 'responder', false)));
      expect([kind, peer.closeCode]).toEqual([kind, closeCode]);
    }
  });

  it('moves one request with GOAWAY, and resets its stream when the peer takes too long', () => {
    const { pair, request } = subscribed();
    pair.server.session.goawayRequest(request, 'moqt://other.example', 3_000);
    pair.server.session.goawayRequest(request, 'moqt://other.example', 3_000);
    pair.run();
    expect(pair.client.one('goaway')).toMatchObject({
      request,
      newSessionUri: 'moqt://other.example',
      timeoutMs: 3_000,
    });
    pair.advance(2_999);
    expect(pair.client.all('request-error')).toEqual([]);
    pair.advance(1);
    expect(pair.client.one('request-error')).toMatchObject({ request, error: { code: null } });
    expect(pair.server.one('cancelled')).toMatchObject({ request, code: StreamResetCode.GOING_AWAY });
    expect(pair.server.session.usage).toMatchObject({ requests: 0, deadlines: 0, streams: 0 });
  });

  it('lets a requester ask for the move of its own request, and forgets the time-out when it ends before', () => {
    const pair = establishedPair();
    const [first, second] = ['a', 'b'].map((path) => pair.client.session.publishNamespace(track(path).namespace));
    pair.run();
    for (const request of [first!, second!]) pair.server.session.acceptRequest(request);
    pair.run();
    expect(() => pair.client.session.goawayRequest(first!, 'moqt://x', 0)).toThrow('names a session uri');
    for (const request of [first!, second!]) pair.client.session.goawayRequest(request, '', 1_000);
    pair.run();
    expect(pair.server.all('goaway').map(({ request }) => request)).toEqual([first, second]);
    pair.server.session.abort(second!, StreamResetCode.CANCELLED);
    pair.run();
    pair.advance(1_000);
    expect(pair.client.all('request-error').map(({ request }) => request)).toEqual([second, first]);
    expect(pair.client.session.usage).toMatchObject({ requests: 0, deadlines: 0 });
  });

  it('rejects reserved namespaces without asking the application', () => {
    const pair = establishedPair();
    for (const path of ['./x', '.session', '.session/x']) pair.client.session.subscribe(track(path), {});
    pair.client.session.subscribeNamespace(track('./x').namespace);
    pair.run();
    const codes = pair.client.all('request-error').map(({ error }) => error.code);
    expect(codes).toEqual(Array(4).fill(RequestErrorCode.DOES_NOT_EXIST));
    expect(pair.server.kinds()).toEqual(['setup']);
    // Other namespaces with a leading period are the application's to judge.
    pair.client.session.subscribe(track('.future'), {});
    pair.run();
    expect(pair.server.all('subscribe')).toHaveLength(1);
  });

  it('refuses requests beyond its limit and goes on serving the others', () => {
    const pair = establishedPair({ limits: { requestsMax: 2 } });
    const ids = ['a', 'b', 'c'].map((path) => pair.client.session.subscribe(track(path), {}));
    pair.run();
    expect(pair.client.one('request-error')).toMatchObject({ request: ids[2], error: { code: 0x9 } });
    pair.server.session.acceptSubscribe(ids[0]!, { trackAlias: 1 });
    pair.run();
    expect(pair.client.one('subscribe-ok').request).toBe(ids[0]);
  });

  it('ignores commands for requests that are over, and throws for those of another kind', () => {
    const { pair, request } = subscribed();
    const session = pair.server.session;
    expect(() => session.acceptFetch(request, { endOfTrack: false, end: { group: 0, object: 0 } })).toThrow(TypeError);
    expect(() => session.acceptSubscribe(request, { trackAlias: 2 })).toThrow('answered');
    pair.client.session.cancel(request);
    pair.run();
    session.publishDone(request, { code: 0, streamCount: 0, reason: '' });
    session.writeData(session.openSubgroup(request, new Uint8Array(1), 0), new Uint8Array(1), true);
    pair.client.session.update(request, { forward: true });
    const before = pair.server.actions.length;
    pair.run();
    expect(pair.server.actions).toHaveLength(before);
  });

  it('never gives an alias twice in a session', () => {
    const { session } = establishedPair().server;
    const aliases = [5, 5, 6, 5].map((preferred) => session.trackAlias(preferred));
    expect(aliases[0]).toBe(5);
    expect(aliases[2]).toBe(6);
    expect(new Set(aliases).size).toBe(4);
    expect(new Set([...aliases, session.trackAlias(aliases[1]!)]).size).toBe(5);
  });

  it('closes the session for request ids of the wrong parity and for duplicates', () => {
    for (const ids of [[1], [0, 0], [2, 2]]) {
      const peer = new RawPeer();
      for (const requestId of ids) {
        peer.open(true, messageBytes({ kind: 'track-status', requestId, name: NAME, parameters: {} }));
      }
      expect(peer.closeCode).toBe(SessionTerminationCode.INVALID_REQUEST_ID);
    }
  });
});
