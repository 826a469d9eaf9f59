import { describe, expect, it } from 'vitest';
import {
  EncodeError,
  encodeMessage,
  MOQT_18,
  RequestErrorCode,
  requestContext,
  SessionTerminationCode,
  StreamResetCode,
} from '../../../../protocol/src/index.js';
import {
  answersOn,
  bytes,
  clientPeer,
  closeCodeFor,
  doneTo,
  establishedPair,
  FIRST_REQUEST,
  frame,
  groupHead,
  messageBytes,
  nextObject,
  RawPeer,
  response,
  setupBytes,
  trackOf,
} from './support.js';

const NAME = trackOf(['a']);
const { PROTOCOL_VIOLATION } = SessionTerminationCode;
const { DOES_NOT_EXIST } = RequestErrorCode;
const { CANCELLED } = StreamResetCode;
const REJECTION = { code: RequestErrorCode.UNAUTHORIZED, reason: '', retryIntervalMs: null };

const subscribe = (requestId: number, name = NAME) =>
  messageBytes({ kind: 'subscribe', requestId, name, parameters: {} });

describe('reserved namespaces', () => {
  const range = { start: { group: 0, object: 0 }, end: { group: 1, object: 0 } };

  /** Every request that names a track or a namespace whose first field is `field`. */
  function requestsFor(field: string, name = 't') {
    const track = trackOf([field, 'x'], name);
    const { namespace } = track;
    return [
      { kind: 'subscribe', name: track, parameters: {} },
      { kind: 'publish', name: track, trackAlias: 1, parameters: {} },
      { kind: 'track-status', name: track, parameters: {} },
      { kind: 'fetch', range: { kind: 'standalone', name: track, ...range }, parameters: {} },
      { kind: 'publish-namespace', namespace, parameters: {} },
      { kind: 'subscribe-namespace', prefix: namespace, parameters: {} },
      { kind: 'subscribe-tracks', prefix: namespace, parameters: {} },
    ] as const;
  }

  function outcomes(field: string, name?: string) {
    const peer = new RawPeer();
    return requestsFor(field, name).map((message, index) => {
      const stream = peer.open(true, messageBytes({ ...message, requestId: 2 * index }));
      const [answer] = answersOn(peer, stream, message.kind);
      return answer?.kind === 'request-error' ? answer.error.code : peer.notices.at(-1)?.kind;
    });
  }

  it("N051: a request for one that nobody has defined is the application's", () => {
    const kinds = requestsFor('.future').map(({ kind }) => kind);
    expect(outcomes('.future')).toEqual(kinds);
  });

  it('N052: every request for the namespace of one period is rejected, and none is made', () => {
    expect(outcomes('.')).toEqual(Array(7).fill(DOES_NOT_EXIST));
    const { session } = new RawPeer();
    expect(() => session.publish(trackOf(['.', 'x']), 1)).toThrow(EncodeError);
    expect(() => session.publishNamespace(trackOf(['.']).namespace)).toThrow(EncodeError);
  });

  it('N053: nothing is published under .session', () => {
    const { session } = new RawPeer();
    expect(() => session.publish(trackOf(['.session', 'x']), 1)).toThrow(EncodeError);
    expect(() => session.publishNamespace(trackOf(['.session']).namespace)).toThrow(EncodeError);
  });

  it('N055: .session without a Track Name does not exist', () => {
    expect(outcomes('.session', '').slice(0, 4)).toEqual(Array(4).fill(DOES_NOT_EXIST));
  });

  it('N054 N056: what lies under .session is rejected without asking the application', () => {
    expect(outcomes('.session')).toEqual(Array(7).fill(DOES_NOT_EXIST));
  });
});

describe('streams', () => {
  it('N057: a bidirectional stream of ours begins with a request', () => {
    const { namespace } = NAME;
    const peer = clientPeer((session) => {
      session.subscribe(NAME, {});
      session.fetch({ kind: 'relative-joining', subscription: 0, groupsBack: 0 }, {});
      session.publish(NAME, 1);
      session.publishNamespace(namespace);
      session.trackStatus(NAME);
      session.subscribeNamespace(namespace);
      session.subscribeTracks(namespace);
    });
    const opened = peer.actions.filter(({ kind, bidirectional }) => kind === 'open' && bidirectional);
    const types = opened.map(({ stream }) => peer.on(stream)[1]?.bytes[0]);
    expect(types).toEqual([0x03, 0x16, 0x1d, 0x06, 0x0d, 0x50, 0x51]);
    const ok = { kind: 'request-ok', ok: {} } as const;
    expect(() => messageBytes(ok)).toThrow(EncodeError);
  });

  it('N058: a bidirectional stream that begins with anything else closes the session', () => {
    for (const type of ['07', '05', '10', '02', '0b', '08', '0e', '0f', '04', '18']) {
      expect([type, closeCodeFor(true, frame(type, '00'))]).toEqual([type, PROTOCOL_VIOLATION]);
    }
    expect(closeCodeFor(true, setupBytes())).toBe(PROTOCOL_VIOLATION);
  });

  it('N059: requests and objects that come before SETUP wait for it', () => {
    const peer = new RawPeer({ role: 'client' }, false);
    peer.session.subscribe(NAME, {});
    peer.collect();
    peer.open(true, messageBytes({ kind: 'track-status', requestId: 1, name: NAME, parameters: {} }));
    peer.write(FIRST_REQUEST, response('subscribe', { kind: 'subscribe-ok', ok: { trackAlias: 1 } }));
    peer.open(false, groupHead(1, 1), false);
    const late = peer.open(false, groupHead(1, 2), false);
    peer.write(late, nextObject('two'), true);
    expect(peer.notices.filter(({ kind }) => kind !== 'subscribe-ok')).toEqual([]);
    peer.open(false, setupBytes());
    expect(peer.notices.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['setup', 'track-status', 'subgroup', 'object', 'subgroup-end']),
    );
  });

  it('N060: the control stream ends in no way during a session, ours neither', () => {
    for (const end of ['fin', 'reset', 'stop'] as const) {
      const peer = new RawPeer();
      if (end === 'fin') peer.write(0, bytes(''), true);
      else if (end === 'reset') peer.reset(0, 0);
      else peer.stopSending(-1, 0);
      expect(peer.closeCode).toBe(PROTOCOL_VIOLATION);
      expect(doneTo(peer, -1)).toEqual(['open', 'write']);
    }
    const leaving = new RawPeer();
    leaving.session.goaway('', 10);
    leaving.collect();
    leaving.advance(20);
    expect(doneTo(leaving, -1)).toEqual(['open', 'write', 'write']);
  });

  it('N066: an unknown unidirectional stream type closes the session', () => {
    for (const type of ['00', '04', '06', '0f', '8002', 'c40000']) {
      expect([type, closeCodeFor(false, bytes(`${type}000000`))]).toEqual([type, PROTOCOL_VIOLATION]);
    }
  });

  it('N268: an unknown datagram type closes the session', () => {
    for (const type of ['10', '40', 'f0132b3e28']) {
      const peer = new RawPeer();
      peer.datagram(bytes(`${type}01010100`));
      expect([type, peer.closeCode]).toEqual([type, PROTOCOL_VIOLATION]);
    }
  });
});

describe('ends of requests', () => {
  it('N062: a request is cancelled by a reset and STOP_SENDING, of what is still open', () => {
    const peer = clientPeer((session) => {
      session.subscribe(NAME, {});
      session.trackStatus(NAME);
      session.cancel(0);
      session.cancel(2);
    });
    expect(doneTo(peer, FIRST_REQUEST)).toEqual(['open', 'write', `reset ${CANCELLED}`, `stop-sending ${CANCELLED}`]);
    // A TRACK_STATUS has closed its own direction with the request.
    expect(doneTo(peer, -3)).toEqual(['open', 'fin', `stop-sending ${CANCELLED}`]);
  });

  it('N063: a request is rejected with REQUEST_ERROR and FIN', () => {
    const peer = new RawPeer();
    const stream = peer.open(true, subscribe(0));
    peer.session.reject(0, REJECTION);
    peer.collect();
    expect(doneTo(peer, stream)).toEqual(['fin']);
    expect(answersOn(peer, stream, 'subscribe')).toMatchObject([{ kind: 'request-error', error: REJECTION }]);
  });

  it('N064: the code says why a request stream ends', () => {
    const cancelled = clientPeer((session) => session.cancel(session.subscribe(NAME, {})));
    expect(doneTo(cancelled, FIRST_REQUEST)).toContain(`reset ${CANCELLED}`);
    const crowded = new RawPeer({ limits: { streamsMax: 2 } });
    const refused = crowded.open(true, subscribe(0));
    expect(doneTo(crowded, refused)).toEqual([
      `reset ${StreamResetCode.EXCESSIVE_LOAD}`,
      `stop-sending ${StreamResetCode.EXCESSIVE_LOAD}`,
    ]);
  });

  it('N065: the code says why a data stream ends', () => {
    const peer = clientPeer((session) => session.subscribe(NAME, {}), { limits: { objectBytesMax: 3 } });
    peer.write(FIRST_REQUEST, response('subscribe', { kind: 'subscribe-ok', ok: { trackAlias: 1 } }));
    const large = peer.open(false, groupHead(1, 1));
    peer.write(large, nextObject('large'));
    expect(doneTo(peer, large)).toEqual([`stop-sending ${StreamResetCode.EXCESSIVE_LOAD}`]);
    const open = peer.open(false, groupHead(1, 2));
    peer.session.cancel(0);
    peer.collect();
    expect(doneTo(peer, open)).toEqual([`stop-sending ${CANCELLED}`]);
  });

  it('N067: the code says why a session ends', () => {
    const silent = new RawPeer({}, false);
    silent.advance(60_000);
    const repeated = new RawPeer();
    repeated.open(true, subscribe(0));
    repeated.open(true, subscribe(0, trackOf(['b'])));
    const { CONTROL_MESSAGE_TIMEOUT, INVALID_REQUEST_ID } = SessionTerminationCode;
    expect([silent.closeCode, repeated.closeCode]).toEqual([CONTROL_MESSAGE_TIMEOUT, INVALID_REQUEST_ID]);
  });
});

describe('migration', () => {
  it('N068: a peer that has open requests after the time that GOAWAY states is closed on', () => {
    const peer = new RawPeer();
    peer.open(true, subscribe(0));
    peer.session.goaway('moqt://elsewhere/', 500);
    peer.collect();
    peer.advance(499);
    expect(peer.closeCode).toBe(null);
    peer.advance(1);
    expect(peer.closeCode).toBe(SessionTerminationCode.GOAWAY_TIMEOUT);
  });
});

describe('codes that are not known', () => {
  const unknown = 0x3fff;

  it('N338: have no effect of their own', () => {
    const pair = establishedPair();
    const request = pair.client.session.subscribe(NAME, {});
    pair.run();
    pair.server.session.reject(request, { ...REJECTION, code: unknown });
    pair.run();
    const { error } = pair.client.one('request-error');
    expect(error).toMatchObject({ code: unknown, retryIntervalMs: null });
    expect(pair.client.session.usage.requests).toBe(0);
    pair.server.session.close(unknown, '');
    pair.run();
    expect(pair.client.one('closed')).toMatchObject({ code: unknown, remote: true });
  });

  it('N335 N339: do not end the session, in REQUEST_ERROR, PUBLISH_DONE or a reset', () => {
    const pair = establishedPair();
    const { session } = pair.client;
    const [refused, done, reset] = ['x', 'y', 'z'].map((field) => session.subscribe(trackOf([field]), {}));
    pair.run();
    pair.server.session.reject(refused!, { ...REJECTION, code: unknown });
    pair.server.session.acceptSubscribe(done!, { trackAlias: 1 });
    pair.server.session.publishDone(done!, { code: unknown, streamCount: 0, reason: '' });
    pair.server.session.acceptSubscribe(reset!, { trackAlias: 2 });
    pair.server.session.resetData(pair.server.session.openSubgroup(reset!, groupHead(2, 1), 1), unknown);
    pair.run();
    expect(pair.client.all('request-error')).toHaveLength(1);
    expect(pair.client.one('publish-done').done.code).toBe(unknown);
    expect(session.established).toBe(true);
    expect(pair.client.all('closed')).toEqual([]);
  });
});

it('N145: requests come first on their stream, and once', () => {
  const twice = new RawPeer();
  const stream = twice.open(true, subscribe(0));
  twice.write(stream, subscribe(2, trackOf(['b'])));
  expect(twice.closeCode).toBe(PROTOCOL_VIOLATION);
  const repeat = { kind: 'subscribe', requestId: 2, name: NAME, parameters: {} } as const;
  expect(() => encodeMessage(MOQT_18, repeat, requestContext('subscribe', 'requester', true))).toThrow(EncodeError);
});
