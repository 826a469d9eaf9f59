import { describe, expect, it } from 'vitest';
import { RequestError, RequestErrorCode, SessionTerminationCode, StreamResetCode } from '../errors.js';
import { requestContext } from '../messages/context.js';
import type { Message } from '../messages/message.js';
import { fullTrackName, type TrackNamespace, trackNamespace } from '../model/names.js';
import { joinBytes } from '../testing/data.js';
import { messageBytes, RawPeer } from '../testing/raw-peer.js';
import { establishedPair, track } from '../testing/sessions.js';
import type { Notice } from './contract.js';
import { PrefixClaims } from './prefix-claims.js';

const NONE = trackNamespace([]);
const REFUSED = { code: RequestErrorCode.UNAUTHORIZED, reason: 'no', retryIntervalMs: null };
const EMPTY = { streams: 0, requests: 0, subscriptions: 0, prefixes: 0, heldBytes: 0, deadlines: 0 };

function at(path: string): TrackNamespace {
  return track(path).namespace;
}

/** The namespaces of notices, as paths. */
function paths(notices: readonly Extract<Notice, { kind: 'namespace' | 'namespace-done' }>[]): string[] {
  return notices.map(({ namespace }) => namespace.fields.map((field) => new TextDecoder().decode(field)).join('/'));
}

/** An accepted SUBSCRIBE_NAMESPACE of the client's. */
function discovering(prefix: string, limits = {}) {
  const pair = establishedPair({ limits });
  const request = pair.client.session.subscribeNamespace(at(prefix));
  pair.run();
  pair.server.session.acceptRequest(request);
  pair.run();
  return { pair, request };
}

/** A client session with a SUBSCRIBE_NAMESPACE, whose responder is raw; answered with REQUEST_OK. */
function rawResponder(prefix: TrackNamespace, limits = {}) {
  const peer = new RawPeer({ role: 'client', limits });
  const request = peer.session.subscribeNamespace(prefix);
  peer.collect();
  peer.write(
    -2,
    messageBytes({ kind: 'request-ok', ok: {} }, requestContext('subscribe-namespace', 'responder', false)),
  );
  return { peer, request };
}

function said(message: Message): Uint8Array {
  return messageBytes(message, requestContext('subscribe-namespace', 'responder', true));
}

describe('SUBSCRIBE_NAMESPACE', () => {
  it('BUS-70: tells what is published under the prefix, each once, and what is not any more', () => {
    const { pair, request } = discovering('a/b');
    const { client, server } = pair;
    expect(server.one('subscribe-namespace')).toMatchObject({ request, prefix: { key: at('a/b').key } });
    for (const path of ['a/b', 'a/b/c', 'a/b/c/d', 'a/b/c']) server.session.namespacePublished(request, at(path));
    server.session.namespaceDone(request, at('a/b/c'));
    server.session.namespaceDone(request, at('a/b/c'));
    server.session.namespaceDone(request, at('a/b/never'));
    pair.run();
    expect(client.one('request-ok').request).toBe(request);
    expect(paths(client.all('namespace'))).toEqual(['a/b', 'a/b/c', 'a/b/c/d']);
    expect(paths(client.all('namespace-done'))).toEqual(['a/b/c']);
    expect(() => server.session.namespacePublished(request, at('a/x'))).toThrow(RangeError);
    client.session.cancel(request);
    pair.run();
    expect(server.one('cancelled').request).toBe(request);
    expect(client.all('namespace-done')).toHaveLength(1);
    for (const { session } of [client, server]) expect(session.usage).toMatchObject(EMPTY);
  });

  it('with an empty prefix is about everything', () => {
    const { pair, request } = { ...establishedPairFor(NONE) };
    pair.server.session.namespacePublished(request, at('x/y'));
    pair.run();
    expect(paths(pair.client.all('namespace'))).toEqual(['x/y']);
  });

  it('ends every namespace when the responder ends the request, by reset or by FIN', () => {
    const { pair, request } = discovering('a');
    for (const path of ['a/1', 'a/2']) pair.server.session.namespacePublished(request, at(path));
    pair.run();
    pair.server.session.abort(request, StreamResetCode.GOING_AWAY);
    pair.run();
    expect(paths(pair.client.all('namespace-done'))).toEqual(['a/1', 'a/2']);
    expect(pair.client.notices.at(-1)).toMatchObject({ kind: 'request-error', error: { code: null } });

    const { peer } = rawResponder(at('a'));
    peer.write(-2, said({ kind: 'namespace', suffix: at('b') }), true);
    expect(peer.notices.map(({ kind }) => kind).slice(-3)).toEqual(['namespace', 'namespace-done', 'request-error']);
    for (const session of [pair.client.session, pair.server.session, peer.session]) {
      expect(session.usage).toMatchObject(EMPTY);
    }
  });

  it('is cancelled by FIN of the requester', () => {
    for (const kind of ['subscribe-namespace', 'subscribe-tracks'] as const) {
      const peer = new RawPeer();
      const stream = peer.open(true, messageBytes({ kind, requestId: 0, prefix: at('a'), parameters: {} }));
      peer.session.acceptRequest(0);
      peer.write(stream, new Uint8Array(0), true);
      expect(peer.notices.at(-1)).toMatchObject({ kind: 'cancelled', request: 0 });
      expect(peer.on(stream).at(-1)).toMatchObject({ kind: 'write', fin: true });
      expect(peer.session.usage).toMatchObject(EMPTY);
    }
  });

  it('is refused like any request', () => {
    const pair = establishedPair();
    const request = pair.client.session.subscribeNamespace(at('a'));
    pair.run();
    expect(() => pair.server.session.namespacePublished(request, at('a/b'))).toThrow('not allowed');
    pair.server.session.reject(request, REFUSED);
    pair.run();
    expect(pair.client.one('request-error')).toMatchObject({ request, error: REFUSED });
    for (const { session } of [pair.client, pair.server]) expect(session.usage).toMatchObject(EMPTY);
  });

  it('is given up when the responder floods it, and the session goes on', () => {
    const { peer, request } = rawResponder(NONE, { namespaceBytesMax: 10_000 });
    let told = 0;
    for (; peer.notices.at(-1)?.kind !== 'request-error'; told++) {
      peer.write(-2, said({ kind: 'namespace', suffix: at(`n/${told}`) }));
    }
    expect(told).toBeGreaterThan(100);
    expect(told).toBeLessThan(10_000 / 64);
    expect(peer.notices.at(-1)).toMatchObject({ request, error: { code: RequestErrorCode.EXCESSIVE_LOAD } });
    expect(peer.notices.filter(({ kind }) => kind === 'namespace-done')).toHaveLength(told - 1);
    expect(peer.on(-2).slice(-2)).toMatchObject([
      { kind: 'reset', code: StreamResetCode.EXCESSIVE_LOAD },
      { kind: 'stop-sending', code: StreamResetCode.EXCESSIVE_LOAD },
    ]);
    expect(peer.session.usage).toMatchObject(EMPTY);
    expect(peer.closeCode).toBe(null);
  });

  it('takes a namespace that is announced twice as one', () => {
    const { peer } = rawResponder(at('a'));
    const published = said({ kind: 'namespace', suffix: at('b') });
    peer.write(-2, joinBytes([published, published, said({ kind: 'namespace-done', suffix: at('b') })]));
    expect(peer.notices.map(({ kind }) => kind)).toEqual(['setup', 'request-ok', 'namespace', 'namespace-done']);
  });
});

describe('the responder of SUBSCRIBE_NAMESPACE and SUBSCRIBE_TRACKS', () => {
  it('closes the session with what it must not say', () => {
    const published = said({ kind: 'namespace', suffix: at('b') });
    const done = said({ kind: 'namespace-done', suffix: at('b') });
    const ok = Uint8Array.of(0x07, 0, 1, 0);
    const blocked = Uint8Array.of(0x0f, 0, 3, 0, 1, 0x74);
    const long = trackNamespace(Array(32).fill(Uint8Array.of(1)));
    const cases: [string, 'namespaces' | 'tracks', Uint8Array][] = [
      ['NAMESPACE first', 'namespaces', published],
      ['PUBLISH_BLOCKED first', 'tracks', blocked],
      ['NAMESPACE_DONE without NAMESPACE', 'namespaces', joinBytes([ok, done])],
      ['NAMESPACE_DONE twice', 'namespaces', joinBytes([ok, published, done, done])],
      ['a second answer', 'namespaces', joinBytes([ok, ok])],
      ['a second answer', 'tracks', joinBytes([ok, ok])],
      ['PUBLISH_BLOCKED for namespaces', 'namespaces', joinBytes([ok, blocked])],
      ['NAMESPACE for tracks', 'tracks', joinBytes([ok, published])],
      ['more than 32 fields with the prefix', 'namespaces', joinBytes([ok, said({ kind: 'namespace', suffix: long })])],
    ];
    for (const [name, about, bytes] of cases) {
      const peer = new RawPeer({ role: 'client' });
      if (about === 'tracks') peer.session.subscribeTracks(at('a'));
      else peer.session.subscribeNamespace(at('a'));
      peer.collect();
      peer.write(-2, bytes);
      expect([name, peer.closeCode]).toEqual([name, SessionTerminationCode.PROTOCOL_VIOLATION]);
    }
  });

  it('comes to the same notices however the stream is cut', () => {
    const bytes = joinBytes([
      said({ kind: 'namespace', suffix: at('b/c') }),
      said({ kind: 'namespace', suffix: NONE }),
      said({ kind: 'namespace-done', suffix: at('b/c') }),
    ]);
    const notices = (cut: number) => {
      const { peer } = rawResponder(at('a'));
      peer.write(-2, bytes.slice(0, cut));
      peer.write(-2, bytes.slice(cut));
      return peer.notices;
    };
    const whole = notices(bytes.length);
    expect(whole).toHaveLength(5);
    for (let cut = 0; cut < bytes.length; cut++) expect(notices(cut)).toEqual(whole);
  });
});

describe('prefixes', () => {
  it('that overlap are refused, namespaces and tracks apart', () => {
    const pair = establishedPair();
    const { session } = pair.client;
    const kinds = [session.subscribeNamespace, session.subscribeTracks].map((ask) => ask.bind(session));
    const requests = kinds.map((ask) => ['a/b', 'a/c', 'a', 'a/b/c', 'a/b', 'ab'].map((path) => ask(at(path))));
    pair.run();
    const refused = pair.client.all('request-error');
    expect(new Set(refused.map(({ error }) => error.code))).toEqual(new Set([RequestErrorCode.PREFIX_OVERLAP]));
    expect(refused.map(({ request }) => request)).toEqual(requests.flatMap((row) => row.slice(2, 5)));
    session.cancel(requests[0]![0]!);
    pair.run();
    const again = session.subscribeNamespace(at('a/b/c'));
    pair.run();
    expect(pair.server.notices.at(-1)).toMatchObject({ kind: 'subscribe-namespace', request: again });
  });

  it('are bounded in number, those that updates ask for included', () => {
    const pair = establishedPair({ limits: { prefixesMax: 3 } });
    const first = pair.client.session.subscribeNamespace(at('a'));
    pair.client.session.subscribeNamespace(at('b'));
    pair.run();
    pair.server.session.acceptRequest(first);
    pair.client.session.update(first, { namespacePrefix: at('c') });
    const third = pair.client.session.subscribeNamespace(at('d'));
    pair.run();
    expect(pair.client.one('request-error')).toMatchObject({
      request: third,
      error: { code: RequestErrorCode.EXCESSIVE_LOAD, retryIntervalMs: 1000 },
    });
    pair.server.session.acceptUpdate(first);
    pair.client.session.subscribeNamespace(at('a'));
    pair.run();
    expect(pair.server.all('subscribe-namespace')).toHaveLength(3);
    expect(pair.server.session.usage.prefixes).toBe(3);
  });

  it('of one owner do not overlap with each other', () => {
    const claims = new PrefixClaims(9);
    const first = claims.claim(0, at('a'));
    claims.claim(0, at('a/b'));
    expect(() => claims.claim(2, at('a'))).toThrow(RequestError);
    claims.release(first);
    expect(() => claims.claim(2, at('a/c'))).not.toThrow();
    expect(() => claims.claim(4, NONE)).toThrow('overlaps');
    expect(claims.size).toBe(2);
  });
});

describe('updates of a prefix', () => {
  it('move what suffixes mean on both sides at once, and end what the new one does not cover', () => {
    const { pair, request } = discovering('a');
    const { client, server } = pair;
    for (const path of ['a/b/1', 'a/c/1']) server.session.namespacePublished(request, at(path));
    client.session.update(request, { namespacePrefix: at('a/b') });
    pair.run();
    expect(server.one('update').parameters.namespacePrefix?.key).toBe(at('a/b').key);
    // Before the answer the old prefix holds.
    server.session.namespacePublished(request, at('a/d/1'));
    server.session.acceptUpdate(request);
    server.session.namespacePublished(request, at('a/b/2'));
    server.session.namespaceDone(request, at('a/b/1'));
    pair.run();
    expect(client.one('update-ok').request).toBe(request);
    expect(paths(client.all('namespace'))).toEqual(['a/b/1', 'a/c/1', 'a/d/1', 'a/b/2']);
    expect(paths(client.all('namespace-done'))).toEqual(['a/c/1', 'a/d/1', 'a/b/1']);
    expect(() => server.session.namespacePublished(request, at('a/c/1'))).toThrow(RangeError);
    client.session.update(request, { namespacePrefix: at('a') });
    pair.run();
    server.session.acceptUpdate(request);
    server.session.namespacePublished(request, at('a/c/1'));
    pair.run();
    expect(paths(client.all('namespace')).at(-1)).toBe('a/c/1');
    client.session.cancel(request);
    pair.run();
    for (const { session } of [client, server]) expect(session.usage).toMatchObject(EMPTY);
  });

  it('that overlap with another request are refused with PREFIX_OVERLAP, and end the request', () => {
    for (const kind of ['subscribeNamespace', 'subscribeTracks'] as const) {
      const pair = establishedPair();
      const [first, second] = ['a', 'b'].map((path) => pair.client.session[kind](at(path)));
      pair.run();
      for (const request of [first!, second!]) pair.server.session.acceptRequest(request);
      pair.client.session.update(second!, { namespacePrefix: at('b/c') });
      pair.client.session.update(second!, { namespacePrefix: at('a/x') });
      pair.run();
      expect(pair.client.all('request-error')).toMatchObject([
        { request: second, update: true, error: { code: RequestErrorCode.PREFIX_OVERLAP } },
        { request: second, update: false, error: { code: null } },
      ]);
      expect(pair.server.one('cancelled').request).toBe(second);
      pair.client.session.cancel(first!);
      pair.run();
      for (const { session } of [pair.client, pair.server]) expect(session.usage).toMatchObject(EMPTY);
    }
  });

  it('that the application refuses close the stream', () => {
    const { pair, request } = discovering('a');
    pair.server.session.namespacePublished(request, at('a/b'));
    pair.client.session.update(request, { namespacePrefix: at('b') });
    pair.run();
    pair.server.session.rejectUpdate(request, REFUSED);
    pair.run();
    expect(pair.client.kinds().slice(-3)).toEqual(['request-error', 'namespace-done', 'request-error']);
    for (const { session } of [pair.client, pair.server]) expect(session.usage).toMatchObject(EMPTY);
  });
});

describe('SUBSCRIBE_TRACKS', () => {
  it('is answered with PUBLISHes of their own, which outlive it', () => {
    const pair = establishedPair();
    const { client, server } = pair;
    const request = client.session.subscribeTracks(at('a'), { forward: false });
    pair.run();
    expect(server.one('subscribe-tracks')).toMatchObject({ request, parameters: { forward: false } });
    server.session.acceptRequest(request);
    const published = server.session.publish(track('a/b'), 1, { forward: false });
    pair.run();
    expect(client.kinds()).toEqual(['setup', 'request-ok', 'publish']);
    client.session.acceptPublish(published);
    client.session.cancel(request);
    pair.run();
    expect(server.one('publish-ok').request).toBe(published);
    server.session.publishDone(published, { code: 2, streamCount: 0, reason: '' });
    pair.run();
    expect(client.one('publish-done').request).toBe(published);
    for (const { session } of [client, server]) expect(session.usage).toMatchObject(EMPTY);
  });

  it('hears of tracks that cannot be published, and no PUBLISH of them follows', () => {
    const pair = establishedPair();
    const { client, server } = pair;
    const request = client.session.subscribeTracks(at('a'));
    pair.run();
    server.session.acceptRequest(request);
    const name = fullTrackName(at('a/b'), Uint8Array.of(1, 2));
    server.session.publishBlocked(request, name);
    server.session.publishBlocked(request, name);
    expect(() => server.session.publishBlocked(request, track('x'))).toThrow(RangeError);
    expect(() => server.session.publish(name, 1)).toThrow('was blocked');
    pair.run();
    expect(client.one('publish-blocked')).toMatchObject({ request, name: { key: name.key } });
    // The subscriber may subscribe itself; and a new request starts afresh.
    client.session.subscribe(name, {});
    pair.run();
    expect(server.one('subscribe').name.key).toBe(name.key);
    client.session.cancel(request);
    client.session.cancel(client.session.subscribe(name, {}));
    client.session.cancel(server.one('subscribe').request);
    pair.run();
    expect(server.session.publish(name, 1)).toBeGreaterThan(0);
    pair.run();
    expect(client.one('publish').name.key).toBe(name.key);
  });
});

function establishedPairFor(prefix: TrackNamespace) {
  const pair = establishedPair();
  const request = pair.client.session.subscribeNamespace(prefix);
  pair.run();
  pair.server.session.acceptRequest(request);
  return { pair, request };
}
