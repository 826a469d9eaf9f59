import { describe, expect, it } from 'vitest';
import { RequestErrorCode, SessionTerminationCode, StreamResetCode } from '../errors.js';
import { CONTROL_FIRST } from '../messages/context.js';
import type { SetupFields } from '../messages/setup.js';
import { groupHead, joinBytes } from '../testing/data.js';
import { goawayBytes, messageBytes, RawPeer, setupBytes } from '../testing/raw-peer.js';
import { establishedPair, freshPair, track } from '../testing/sessions.js';

const NAME = track('platform/health/pop/fra1');
const NO_BYTES = new Uint8Array(0);

function setup(options: SetupFields): Uint8Array {
  return messageBytes({ kind: 'setup', options }, CONTROL_FIRST);
}

function subscribe(requestId: number): Uint8Array {
  return messageBytes({ kind: 'subscribe', requestId, name: track(`t/${requestId}`), parameters: {} });
}

describe('setup', () => {
  it('comes first on a unidirectional stream and offers the size of the token cache', () => {
    const peer = new RawPeer({ limits: { tokenCacheBytesMax: 100 } }, false);
    const [open, write] = peer.actions;
    expect(open).toMatchObject({ kind: 'open', bidirectional: false, priority: 0 });
    expect(write?.bytes).toEqual(setup({ maxAuthTokenCacheSizeBytes: 100 }));
  });

  it('makes the session wait with requests that come before it, in the order in which they came', () => {
    const peer = new RawPeer({}, false);
    peer.open(true, subscribe(0));
    const second = peer.open(true, subscribe(2).slice(0, 3));
    peer.open(false, groupHead(1, 1));
    peer.write(second, subscribe(2).slice(3));
    expect(peer.notices).toEqual([]);
    const bytes = setupBytes();
    const control = peer.open(false, bytes.slice(0, 1));
    peer.write(control, bytes.slice(1));
    expect(peer.notices.map((notice) => ('request' in notice ? notice.request : notice.kind))).toEqual(['setup', 0, 2]);
    expect(peer.session.usage.waitingStreams).toBe(1);
  });

  it('makes the session hold no more than its limit', () => {
    const peer = new RawPeer({ limits: { heldBytesMax: 300 } }, false);
    const streams = Array.from({ length: 4 }, (_, i) => peer.open(true, subscribe(2 * i)));
    const refused = streams.filter((stream) => peer.on(stream).length > 0);
    expect(refused.length).toBeGreaterThan(0);
    expect(peer.on(refused[0]!)).toMatchObject([
      { kind: 'reset', code: StreamResetCode.EXCESSIVE_LOAD },
      { kind: 'stop-sending', code: StreamResetCode.EXCESSIVE_LOAD },
    ]);
    peer.open(false, setupBytes());
    expect(peer.notices.filter(({ kind }) => kind === 'subscribe')).toHaveLength(4 - refused.length);
    expect(peer.session.usage.heldBytes).toBe(0);
  });

  it('lets both sides send requests without waiting for it', () => {
    const pair = freshPair();
    const request = pair.client.session.subscribe(NAME, {});
    pair.run();
    expect(pair.server.kinds()).toEqual(['setup', 'subscribe']);
    expect(pair.server.one('subscribe').request).toBe(request);
  });

  it('has to come in time', () => {
    const peer = new RawPeer({ limits: { setupWaitMs: 500 } }, false);
    peer.advance(499);
    expect(peer.closeCode).toBe(null);
    peer.advance(1);
    expect(peer.closeCode).toBe(SessionTerminationCode.CONTROL_MESSAGE_TIMEOUT);
    const inTime = new RawPeer({ limits: { setupWaitMs: 500 } });
    inTime.advance(1000);
    expect(inTime.closeCode).toBe(null);
    expect(inTime.session.usage.deadlines).toBe(0);
  });

  it('may name path and authority only from a client on raw QUIC', () => {
    const close = (config: ConstructorParameters<typeof RawPeer>[0], options: SetupFields) => {
      const peer = new RawPeer(config, false);
      peer.open(false, setup(options));
      return peer.closeCode;
    };
    const { INVALID_PATH, INVALID_AUTHORITY } = SessionTerminationCode;
    expect(close({ role: 'server' }, { path: '/a', authority: 'h' })).toBe(null);
    expect(close({ role: 'client' }, { path: '/a' })).toBe(INVALID_PATH);
    expect(close({ role: 'client' }, { authority: 'h' })).toBe(INVALID_AUTHORITY);
    expect(close({ overWebTransport: true }, { path: '/a' })).toBe(INVALID_PATH);
    expect(close({ overWebTransport: true }, { authority: 'h' })).toBe(INVALID_AUTHORITY);
  });

  it('surfaces its tokens, registered or not, and refuses operations on aliases', () => {
    const value = Uint8Array.of(1, 2, 3);
    const peer = new RawPeer({ limits: { tokenCacheBytesMax: 19 } }, false);
    const tokens = [
      { action: 'register', alias: 1, type: 0, value },
      { action: 'register', alias: 2, type: 0, value: Uint8Array.of(9) },
    ] as const;
    peer.open(false, setup({ authorizationTokens: tokens }));
    const expected = [
      { type: 0, value },
      { type: 0, value: Uint8Array.of(9) },
    ];
    expect(peer.notices[0]).toMatchObject({ kind: 'setup', options: { authorizationTokens: expected } });
    for (const action of ['use-alias', 'delete'] as const) {
      const hostile = new RawPeer({}, false);
      hostile.open(false, setup({ authorizationTokens: [{ action, alias: 1 }] }));
      expect(hostile.closeCode).toBe(SessionTerminationCode.PROTOCOL_VIOLATION);
    }
  });
});

describe('control stream', () => {
  it('may not end, be reset, be refused or come twice', () => {
    const ends: ((peer: RawPeer) => void)[] = [
      (peer) => peer.write(0, NO_BYTES, true),
      (peer) => peer.reset(0, 0),
      (peer) => peer.stopSending(-1, 0),
      (peer) => peer.open(false, setupBytes()),
      (peer) => peer.write(0, setupBytes()),
    ];
    for (const end of ends) {
      const peer = new RawPeer();
      expect(peer.closeCode).toBe(null);
      end(peer);
      expect(peer.closeCode).toBe(SessionTerminationCode.PROTOCOL_VIOLATION);
      expect(peer.notices.at(-1)).toMatchObject({ kind: 'closed', remote: false });
    }
  });
});

describe('goaway', () => {
  it('tells the peer where to go, and rejects what comes afterwards', () => {
    const pair = establishedPair();
    const before = pair.client.session.subscribe(NAME, {});
    pair.run();
    pair.server.session.goaway('moqt://other.example/x', 5_000);
    pair.run();
    expect(pair.client.one('goaway')).toEqual({
      kind: 'goaway',
      newSessionUri: 'moqt://other.example/x',
      timeoutMs: 5_000,
      request: null,
    });
    const after = pair.client.session.subscribe(track('late'), {});
    pair.run();
    expect(pair.client.one('request-error')).toMatchObject({
      request: after,
      error: { code: RequestErrorCode.GOING_AWAY },
    });
    pair.server.session.acceptSubscribe(before, { trackAlias: 1 });
    pair.run();
    expect(pair.client.one('subscribe-ok').request).toBe(before);
  });

  it('closes the session after its time-out, measured from when it was sent', () => {
    for (const [open, code] of [
      [true, SessionTerminationCode.GOAWAY_TIMEOUT],
      [false, SessionTerminationCode.NO_ERROR],
    ] as const) {
      const pair = establishedPair();
      if (open) pair.client.session.subscribe(NAME, {});
      pair.run();
      pair.nowMs += 3_600_000;
      pair.server.session.goaway('', 700);
      pair.advance(699);
      expect(pair.server.session.established).toBe(true);
      pair.advance(1);
      expect(pair.server.one('closed')).toMatchObject({ code, remote: false });
      expect(pair.client.one('closed')).toMatchObject({ code, remote: true });
    }
  });

  it('names the smallest request that was not seen', () => {
    const peer = new RawPeer();
    peer.open(true, subscribe(4));
    peer.session.goaway('', 0);
    peer.collect();
    expect(peer.on(-1).at(-1)?.bytes).toEqual(goawayBytes(6));
  });

  it('comes from a client without a session uri', () => {
    const pair = establishedPair();
    expect(() => pair.client.session.goaway('moqt://other', 0)).toThrow('session uri');
    pair.client.session.goaway('', 0);
    pair.client.session.goaway('', 0);
    pair.run();
    expect(pair.server.one('goaway').newSessionUri).toBe('');
  });

  it('may come once, with a request id of ours, and from a client without uri', () => {
    const { PROTOCOL_VIOLATION, INVALID_REQUEST_ID } = SessionTerminationCode;
    const close = (bytes: Uint8Array, role: 'client' | 'server' = 'server') => {
      const peer = new RawPeer({ role });
      peer.write(0, bytes);
      return peer.closeCode;
    };
    expect(close(goawayBytes(1))).toBe(null);
    expect(close(goawayBytes(0))).toBe(INVALID_REQUEST_ID);
    expect(close(goawayBytes(1), 'client')).toBe(INVALID_REQUEST_ID);
    expect(close(goawayBytes(0, 'moqt://x'), 'client')).toBe(null);
    expect(close(goawayBytes(1, 'moqt://x'))).toBe(PROTOCOL_VIOLATION);
    expect(close(joinBytes([goawayBytes(1), goawayBytes(1)]))).toBe(PROTOCOL_VIOLATION);
  });
});

describe('close', () => {
  it('is told on both sides once, and nothing follows', () => {
    const pair = establishedPair();
    pair.client.session.subscribe(NAME, {});
    pair.client.session.close(SessionTerminationCode.NO_ERROR, 'done');
    pair.client.session.close(SessionTerminationCode.INTERNAL_ERROR, 'again');
    pair.run();
    expect(pair.client.one('closed')).toEqual({ kind: 'closed', code: 0, reason: 'done', remote: false });
    expect(pair.server.one('closed')).toEqual({ kind: 'closed', code: 0, reason: 'done', remote: true });
    const actions = pair.client.actions.length;
    pair.client.session.publishNamespace(NAME.namespace);
    pair.client.session.goaway('', 10);
    pair.run();
    expect(pair.client.actions).toHaveLength(actions);
    expect(pair.client.session.nextTimeoutMs()).toBe(null);
    expect(pair.client.session.established).toBe(false);
  });

  it('of a lost connection has no code', () => {
    const pair = establishedPair();
    pair.client.session.receive({ kind: 'closed', code: null, reason: 'idle', remote: false }, pair.nowMs);
    pair.run();
    expect(pair.client.one('closed')).toEqual({ kind: 'closed', code: null, reason: 'idle', remote: false });
  });
});
