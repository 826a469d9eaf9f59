import { describe, expect, it } from 'vitest';
import { encodeFetchHeader } from '../data/fetch.js';
import { RequestErrorCode, SessionTerminationCode, StreamResetCode } from '../errors.js';
import { requestContext } from '../messages/context.js';
import { STREAM_COUNT_UNKNOWN } from '../model/requests.js';
import { fetchedGroups, groupHead, joinBytes, nextObject, textOf } from '../testing/data.js';
import { messageBytes, RawPeer, setupBytes } from '../testing/raw-peer.js';
import { establishedPair, track } from '../testing/sessions.js';

const NAME = track('platform/health/pop/fra1');
const NO_BYTES = new Uint8Array(0);
const SUBSCRIBE_OK = messageBytes(
  { kind: 'subscribe-ok', ok: { trackAlias: 7 } },
  requestContext('subscribe', 'responder', false),
);

/** A client session with a SUBSCRIBE on its way, whose publisher is raw. */
function pendingSubscription(limits = {}) {
  const peer = new RawPeer({ role: 'client', limits });
  const request = peer.session.subscribe(NAME, {});
  peer.collect();
  const stream = peer.actions.find(({ kind, bidirectional }) => kind === 'open' && bidirectional)!.stream;
  return { peer, request, stream };
}

function established(limits = {}) {
  const pending = pendingSubscription(limits);
  pending.peer.write(pending.stream, SUBSCRIBE_OK);
  return pending;
}

function done(streamCount: number): Uint8Array {
  const message = { kind: 'publish-done', done: { code: 2, streamCount, reason: 'over' } } as const;
  return messageBytes(message, requestContext('subscribe', 'responder', true));
}

function kindsOf(peer: RawPeer): string[] {
  return peer.notices.map(({ kind }) => kind);
}

describe('subgroup streams', () => {
  it('wait for their alias when they overtake SUBSCRIBE_OK, and lose nothing', () => {
    const { peer, stream, request } = pendingSubscription();
    const bytes = joinBytes([groupHead(7, 3), nextObject('a'), nextObject('b')]);
    for (const cut of [1, 2, 4, bytes.length]) {
      const data = peer.open(false, bytes.slice(0, cut));
      peer.write(data, bytes.slice(cut), true);
    }
    expect(kindsOf(peer)).toEqual(['setup']);
    peer.write(stream, SUBSCRIBE_OK);
    const each = ['subgroup', 'object', 'object', 'subgroup-end'];
    expect(kindsOf(peer)).toEqual(['setup', 'subscribe-ok', ...each, ...each, ...each, ...each]);
    expect(peer.session.usage).toMatchObject({ heldBytes: 0, waitingStreams: 0, deadlines: 0 });
    expect(
      peer.notices
        .filter(({ kind }) => kind === 'object')
        .every((notice) => 'request' in notice && notice.request === request),
    ).toBe(true);
  });

  it('are refused when their alias does not become known in time', () => {
    const { peer } = pendingSubscription();
    const data = peer.open(false, joinBytes([groupHead(8, 3), nextObject('a')]));
    peer.advance(1_999);
    expect(peer.on(data)).toEqual([]);
    peer.advance(1);
    expect(peer.on(data)).toMatchObject([{ kind: 'stop-sending', code: StreamResetCode.CANCELLED }]);
    peer.write(data, nextObject('b'), true);
    expect(peer.session.usage).toMatchObject({ heldBytes: 0, waitingStreams: 0, streams: 1 });
  });

  it('that are over before their alias is known count as reset once it is', () => {
    const { peer, stream, request } = pendingSubscription();
    const refused = peer.open(false, joinBytes([groupHead(7, 3), nextObject('a')]));
    peer.advance(2_000);
    expect(peer.on(refused)).toMatchObject([{ kind: 'stop-sending', code: StreamResetCode.CANCELLED }]);
    const reset = peer.open(false, joinBytes([groupHead(7, 4), nextObject('b')]));
    peer.reset(reset, StreamResetCode.DELIVERY_TIMEOUT);
    peer.write(stream, SUBSCRIBE_OK);
    expect(kindsOf(peer).slice(-3)).toEqual(['subscribe-ok', 'subgroup-reset', 'subgroup-reset']);
    expect(peer.notices.slice(-2)).toMatchObject([
      { request, stream: refused, code: StreamResetCode.CANCELLED, header: { group: 3 } },
      { request, stream: reset, code: StreamResetCode.DELIVERY_TIMEOUT, header: { group: 4 } },
    ]);
    peer.write(stream, done(2), true);
    expect(kindsOf(peer).at(-1)).toBe('publish-done');
  });

  it('wait within bounds of number and bytes', () => {
    const { peer } = pendingSubscription({ unknownAliasStreamsMax: 2, heldBytesMax: 1000 });
    const streams = [1, 2, 3].map((alias) => peer.open(false, groupHead(alias, 0)));
    expect(peer.on(streams[2]!)).toMatchObject([{ kind: 'stop-sending', code: StreamResetCode.CANCELLED }]);
    peer.write(streams[0]!, new Uint8Array(900));
    expect(peer.on(streams[0]!)).toMatchObject([{ kind: 'stop-sending', code: StreamResetCode.EXCESSIVE_LOAD }]);
    expect(peer.on(streams[1]!)).toEqual([]);
    expect(peer.session.usage.heldBytes).toBeLessThan(200);
    peer.reset(streams[1]!, 0);
    expect(peer.session.usage).toMatchObject({ heldBytes: 0, waitingStreams: 0 });
  });

  it('of a cancelled subscription are refused at once, unless its alias may be in use again', () => {
    const { peer, request } = established();
    peer.session.cancel(request);
    peer.collect();
    const late = peer.open(false, groupHead(7, 1));
    expect(peer.on(late)).toMatchObject([{ kind: 'stop-sending', code: StreamResetCode.CANCELLED }]);
    peer.session.subscribe(NAME, {});
    peer.collect();
    const next = peer.actions.filter(({ kind, bidirectional }) => kind === 'open' && bidirectional).at(-1)!.stream;
    const early = peer.open(false, joinBytes([groupHead(7, 2), nextObject('x')]), true);
    expect(peer.on(early)).toEqual([]);
    peer.write(next, SUBSCRIBE_OK);
    expect(kindsOf(peer).slice(-3)).toEqual(['subgroup', 'object', 'subgroup-end']);
  });

  it('tell of a reset in mid-object without touching the subscription', () => {
    const { peer, request } = established();
    const bytes = joinBytes([groupHead(7, 1), nextObject('whole'), nextObject('half')]);
    const data = peer.open(false, bytes.slice(0, -2));
    peer.reset(data, StreamResetCode.DELIVERY_TIMEOUT);
    expect(peer.notices.at(-1)).toMatchObject({ kind: 'subgroup-reset', request, code: 2, header: { group: 1 } });
    peer.open(false, joinBytes([groupHead(7, 2), nextObject('next')]), true);
    expect(kindsOf(peer).filter((kind) => kind === 'object')).toHaveLength(2);
  });

  it('take the priority of the track where their header has none', () => {
    const { peer, stream } = pendingSubscription();
    const ok = { trackAlias: 7, trackProperties: Uint8Array.of(0x0e, 9) };
    peer.write(stream, messageBytes({ kind: 'subscribe-ok', ok }, requestContext('subscribe', 'responder', false)));
    peer.open(false, joinBytes([groupHead(7, 1), nextObject('a')]), true);
    expect(peer.notices.find(({ kind }) => kind === 'object')).toMatchObject({ object: { priority: 9 } });
  });

  it('are refused beyond the size of an object, and the subscription goes on', () => {
    const { peer } = established({ objectBytesMax: 10 });
    const data = peer.open(false, joinBytes([groupHead(7, 1), nextObject('x'.repeat(11))]));
    expect(peer.on(data)).toMatchObject([{ kind: 'stop-sending', code: StreamResetCode.EXCESSIVE_LOAD }]);
    expect(peer.notices.at(-1)).toMatchObject({ kind: 'subgroup-reset', code: StreamResetCode.EXCESSIVE_LOAD });
    peer.open(false, joinBytes([groupHead(7, 2), nextObject('x'.repeat(10))]), true);
    expect(kindsOf(peer).at(-1)).toBe('subgroup-end');
  });

  it('of a track that contradicts itself cancel its subscription', () => {
    const { peer, stream, request } = established();
    // SUBGROUP_HEADER with properties; an object whose PRIOR_GROUP_ID_GAP is above its group.
    const data = peer.open(false, Uint8Array.of(0x31, 7, 1, 0, 2, 0x3c, 5, 1, 0x61));
    expect(peer.notices.at(-1)).toMatchObject({
      kind: 'request-error',
      request,
      error: { code: RequestErrorCode.MALFORMED_TRACK },
    });
    expect(peer.on(stream).slice(-2)).toMatchObject([
      { kind: 'reset', code: StreamResetCode.MALFORMED_TRACK },
      { kind: 'stop-sending', code: StreamResetCode.MALFORMED_TRACK },
    ]);
    expect(peer.on(data)).toMatchObject([{ kind: 'stop-sending' }]);
    expect(peer.closeCode).toBe(null);
  });

  it('come to the same notices however the stream is cut', () => {
    const bytes = joinBytes([groupHead(7, 300), nextObject('first'), nextObject(''), nextObject('third')]);
    const notices = (cuts: readonly number[]) => {
      const { peer } = established();
      const data = peer.open(false, bytes.slice(0, cuts[0]));
      for (const [i, cut] of cuts.entries()) {
        peer.write(data, bytes.slice(cut, cuts[i + 1]), i === cuts.length - 1);
      }
      return peer.notices;
    };
    const whole = notices([bytes.length]);
    for (let a = 0; a <= bytes.length; a++) {
      for (let b = a; b <= bytes.length; b++) expect(notices([a, b])).toEqual(whole);
    }
  });
});

describe('subgroup streams of ours', () => {
  it('are reset when the peer refuses them, and the subscription goes on', () => {
    const peer = new RawPeer();
    peer.open(true, messageBytes({ kind: 'subscribe', requestId: 0, name: NAME, parameters: {} }));
    peer.session.acceptSubscribe(0, { trackAlias: 1 });
    const data = peer.session.openSubgroup(0, groupHead(1, 1), 0);
    peer.stopSending(data, StreamResetCode.CANCELLED);
    peer.session.writeData(data, nextObject('late'), true);
    peer.collect();
    expect(peer.on(data).map(({ kind }) => kind)).toEqual(['open', 'write', 'reset']);
    expect(peer.session.streamsOpened(0)).toBe(1);
    expect(peer.session.usage).toMatchObject({ streams: 1, requests: 1 });
  });
});

describe('PUBLISH_DONE', () => {
  it('is told after the last of its streams', () => {
    const { peer, stream } = established();
    const first = peer.open(false, joinBytes([groupHead(7, 1), nextObject('a')]));
    peer.write(stream, done(2), true);
    peer.write(first, NO_BYTES, true);
    expect(kindsOf(peer)).not.toContain('publish-done');
    peer.open(false, joinBytes([groupHead(7, 2), nextObject('b')]), true);
    expect(kindsOf(peer).slice(-2)).toEqual(['subgroup-end', 'publish-done']);
    expect(peer.session.usage).toMatchObject({ streams: 0, requests: 0, subscriptions: 0, deadlines: 0 });
  });

  it('is told after a time-out when streams are missing or their number is unknown', () => {
    for (const count of [3, STREAM_COUNT_UNKNOWN]) {
      const { peer, stream } = established();
      peer.open(false, joinBytes([groupHead(7, 1), nextObject('a')]), true);
      peer.write(stream, done(count), true);
      peer.advance(1_999);
      expect(kindsOf(peer)).not.toContain('publish-done');
      peer.advance(1);
      expect(peer.notices.at(-1)).toMatchObject({ kind: 'publish-done', done: { streamCount: count, reason: 'over' } });
      expect(peer.session.usage).toMatchObject({ requests: 0, subscriptions: 0, deadlines: 0 });
    }
  });

  it('waits longer for a stream that is open, but not for ever', () => {
    const { peer, stream } = established();
    const data = peer.open(false, groupHead(7, 1));
    peer.write(stream, done(STREAM_COUNT_UNKNOWN), true);
    peer.advance(10_000);
    peer.write(data, nextObject('late'));
    expect(kindsOf(peer).at(-1)).toBe('object');
    peer.advance(30_000);
    expect(kindsOf(peer).at(-1)).toBe('publish-done');
    expect(peer.on(data)).toMatchObject([{ kind: 'stop-sending', code: StreamResetCode.CANCELLED }]);
    expect(peer.session.usage).toMatchObject({ streams: 0, requests: 0, subscriptions: 0, deadlines: 0 });
  });

  it('waits as long as the delivery time-outs that were asked for', () => {
    const peer = new RawPeer({ role: 'client' });
    peer.session.subscribe(NAME, { objectDeliveryTimeoutMs: 9_000 });
    peer.collect();
    const { stream } = peer.actions.find(({ kind, bidirectional }) => kind === 'open' && bidirectional)!;
    peer.write(stream, joinBytes([SUBSCRIBE_OK, done(1)]), true);
    peer.advance(8_999);
    expect(kindsOf(peer)).not.toContain('publish-done');
    peer.advance(1);
    expect(kindsOf(peer)).toContain('publish-done');
  });

  it('counts a stream that was reset', () => {
    const { peer, stream } = established();
    const data = peer.open(false, groupHead(7, 1));
    peer.write(stream, done(1), true);
    peer.reset(data, StreamResetCode.DELIVERY_TIMEOUT);
    expect(kindsOf(peer).slice(-2)).toEqual(['subgroup-reset', 'publish-done']);
  });

  it('frees the alias for another subscription', () => {
    const { peer, stream } = established();
    peer.write(stream, done(1), true);
    peer.session.subscribe(track('other'), {});
    peer.collect();
    const other = peer.actions.filter(({ kind, bidirectional }) => kind === 'open' && bidirectional).at(-1)!.stream;
    peer.write(other, SUBSCRIBE_OK);
    peer.advance(5_000);
    expect(peer.closeCode).toBe(null);
    peer.open(false, joinBytes([groupHead(7, 1), nextObject('a')]), true);
    expect(peer.notices.at(-1)).toMatchObject({ kind: 'subgroup-end', request: 2 });
  });
});

describe('aliases', () => {
  it('that stand for two established tracks close the session', () => {
    const { peer } = established();
    peer.session.subscribe(track('other'), {});
    peer.collect();
    const other = peer.actions.filter(({ kind, bidirectional }) => kind === 'open' && bidirectional).at(-1)!.stream;
    peer.write(other, SUBSCRIBE_OK);
    expect(peer.closeCode).toBe(SessionTerminationCode.DUPLICATE_TRACK_ALIAS);
  });
});

describe('fetches', () => {
  const RANGE = {
    kind: 'standalone',
    name: NAME,
    start: { group: 0, object: 0 },
    end: { group: 9, object: 0 },
  } as const;
  const OK = { endOfTrack: false, end: { group: 4, object: 1 } };

  it('deliver objects, then their end, whichever of FETCH_OK and data is first', () => {
    for (const okFirst of [true, false]) {
      const pair = establishedPair();
      const request = pair.client.session.fetch(RANGE, { groupOrder: 'descending' });
      pair.run();
      expect(pair.server.one('fetch')).toMatchObject({ request, range: { end: { group: 9 } } });
      if (okFirst) pair.server.session.acceptFetch(request, OK);
      const stream = pair.server.session.openFetch(request, 0);
      pair.server.session.writeData(stream, fetchedGroups([4, 2, 1], 'descending'), true);
      pair.run();
      if (!okFirst) pair.server.session.acceptFetch(request, OK);
      pair.run();
      const objects = ['fetch-object', 'fetch-object', 'fetch-object'];
      const expected = okFirst ? ['fetch-ok', ...objects, 'fetch-end'] : [...objects, 'fetch-ok', 'fetch-end'];
      expect(pair.client.kinds().slice(1)).toEqual(expected);
      expect(pair.client.all('fetch-object').map(({ object }) => textOf(object.payload))).toEqual([
        'group 4',
        'group 2',
        'group 1',
      ]);
      for (const end of [pair.client, pair.server]) {
        expect(end.session.usage).toMatchObject({ streams: 0, requests: 0, fetches: 0 });
      }
    }
  });

  it('BUS-70: join a subscription that is sent at the same time, also when they overtake it', () => {
    for (const overtakes of [false, true]) {
      const pair = establishedPair({ pick: (count) => (overtakes ? count - 1 : 0) });
      const subscription = pair.client.session.subscribe(NAME, { filter: { kind: 'largest-object' } });
      const range = { kind: 'relative-joining', subscription, groupsBack: 0 } as const;
      const fetch = pair.client.session.fetch(range, {});
      pair.run();
      expect(pair.server.kinds()).toEqual(['setup', 'subscribe', 'fetch']);
      expect(pair.server.one('fetch')).toMatchObject({ request: fetch, range });
      expect(pair.server.session.usage.deadlines).toBe(0);
    }
  });

  it('join nothing but a subscription that forwards', () => {
    const pair = establishedPair();
    const join = (subscription: number) =>
      pair.client.session.fetch({ kind: 'relative-joining', subscription, groupsBack: 1 }, {});
    const announcement = pair.client.session.publishNamespace(NAME.namespace);
    const paused = pair.client.session.subscribe(NAME, { forward: false });
    const cancelled = pair.client.session.subscribe(track('other'), {});
    pair.run();
    pair.client.session.cancel(cancelled);
    pair.run();
    const requests = [announcement, paused, cancelled].map(join);
    pair.run();
    expect(pair.client.all('request-error').map(({ request, error }) => [request, error.code])).toEqual([
      [requests[0], RequestErrorCode.INVALID_JOINING_REQUEST_ID],
      [requests[1], RequestErrorCode.INVALID_RANGE],
      [requests[2], RequestErrorCode.INVALID_JOINING_REQUEST_ID],
    ]);
    pair.server.session.acceptSubscribe(paused, { trackAlias: 1 });
    pair.client.session.update(paused, { forward: true });
    pair.run();
    join(paused);
    pair.run();
    expect(pair.server.all('fetch')).toHaveLength(1);
  });

  it('that join a subscription which never comes are rejected after a while', () => {
    const peer = new RawPeer();
    const range = { kind: 'relative-joining', subscription: 0, groupsBack: 0 } as const;
    const stream = peer.open(true, messageBytes({ kind: 'fetch', requestId: 2, range, parameters: {} }));
    peer.advance(1_999);
    expect(peer.on(stream)).toEqual([]);
    peer.advance(1);
    expect(peer.on(stream)[0]?.bytes[3]).toBe(RequestErrorCode.INVALID_JOINING_REQUEST_ID);
    expect(peer.session.usage).toMatchObject({ streams: 0, requests: 0, fetches: 0, deadlines: 0 });
    const second = peer.open(true, messageBytes({ kind: 'fetch', requestId: 4, range, parameters: {} }));
    peer.reset(second, 1);
    expect(peer.notices.map(({ kind }) => kind)).toEqual(['setup']);
    expect(peer.session.usage).toMatchObject({ streams: 0, requests: 0, fetches: 0, deadlines: 0 });
  });

  it('with a backward range are rejected with INVALID_RANGE', () => {
    const pair = establishedPair();
    pair.client.session.fetch({ ...RANGE, start: { group: 3, object: 1 }, end: { group: 3, object: 0 } }, {});
    pair.client.session.fetch({ ...RANGE, start: { group: 3, object: 2 }, end: { group: 3, object: 1 } }, {});
    pair.run();
    expect(pair.client.one('request-error').error.code).toBe(RequestErrorCode.INVALID_RANGE);
    expect(pair.server.all('fetch')).toHaveLength(1);
  });

  it('end once, with nothing left, when either side gives them up', () => {
    const steps = {
      cancelled: (pair: ReturnType<typeof establishedPair>, request: number) => pair.client.session.cancel(request),
      aborted: (pair: ReturnType<typeof establishedPair>, request: number) => pair.server.session.abort(request, 6),
    };
    for (const [how, giveUp] of Object.entries(steps)) {
      const pair = establishedPair();
      const request = pair.client.session.fetch(RANGE, {});
      pair.run();
      pair.server.session.acceptFetch(request, OK);
      const stream = pair.server.session.openFetch(request, 0);
      pair.server.session.writeData(stream, fetchedGroups([1]), false);
      pair.run();
      giveUp(pair, request);
      pair.run();
      pair.server.session.writeData(stream, NO_BYTES, true);
      pair.run();
      expect(pair.client.all('fetch-reset')).toHaveLength(how === 'aborted' ? 1 : 0);
      expect(pair.server.all('cancelled')).toHaveLength(how === 'cancelled' ? 1 : 0);
      for (const end of [pair.client, pair.server]) {
        expect(end.session.usage).toMatchObject({ streams: 0, requests: 0, fetches: 0 });
      }
    }
  });

  it('are cancelled by a peer that refuses their data', () => {
    const peer = new RawPeer();
    const stream = peer.open(true, messageBytes({ kind: 'fetch', requestId: 0, range: RANGE, parameters: {} }));
    const data = peer.session.openFetch(0, 0);
    peer.session.acceptFetch(0, OK);
    peer.stopSending(data, StreamResetCode.CANCELLED);
    expect(peer.notices.at(-1)).toMatchObject({ kind: 'cancelled', request: 0 });
    expect(peer.on(data).at(-1)).toMatchObject({ kind: 'reset', code: StreamResetCode.CANCELLED });
    expect(peer.on(stream).slice(-2)).toMatchObject([{ kind: 'reset' }, { kind: 'stop-sending' }]);
    expect(peer.session.usage).toMatchObject({ streams: 0, requests: 0 });
  });

  it('take no data before SETUP has come', () => {
    const peer = new RawPeer({ role: 'client' }, false);
    const request = peer.session.fetch(RANGE, {});
    peer.open(false, joinBytes([encodeFetchHeader(request), fetchedGroups([1])]));
    peer.collect();
    expect(kindsOf(peer)).toEqual([]);
    peer.open(false, setupBytes());
    expect(kindsOf(peer)).toEqual(['setup', 'fetch-object']);
  });

  it('tell of a data stream that is reset with its code', () => {
    const pair = establishedPair();
    const request = pair.client.session.fetch(RANGE, {});
    pair.run();
    const stream = pair.server.session.openFetch(request, 0);
    pair.run();
    pair.server.session.resetData(stream, StreamResetCode.UNKNOWN_OBJECT_STATUS);
    pair.run();
    expect(pair.client.one('fetch-reset')).toEqual({ kind: 'fetch-reset', request, code: 6 });
    pair.server.session.acceptFetch(request, OK);
    pair.run();
    expect(pair.server.session.usage).toMatchObject({ streams: 0, requests: 0 });
  });

  it('refuse late data of a fetch that is over, and data for requests that are none', () => {
    const peer = new RawPeer({ role: 'client' });
    const request = peer.session.fetch(RANGE, {});
    peer.session.cancel(request);
    peer.collect();
    const late = peer.open(false, encodeFetchHeader(request));
    expect(peer.on(late)).toMatchObject([{ kind: 'stop-sending' }]);
    expect(peer.closeCode).toBe(null);
    peer.open(false, encodeFetchHeader(8));
    expect(peer.closeCode).toBe(SessionTerminationCode.PROTOCOL_VIOLATION);
  });
});
