import { describe, expect, it } from 'vitest';
import {
  CONTROL,
  CONTROL_FIRST,
  EncodeError,
  type MoqtSession,
  RequestErrorCode,
  type SessionConfig,
  SessionTerminationCode,
  StreamResetCode,
  type Token,
  utf8,
} from '../../../../protocol/src/index.js';
import {
  answersOn,
  clientPeer,
  closeCodeFor,
  closeCodeForAnswer,
  doneTo,
  establishedPair,
  FIRST_REQUEST,
  frame,
  goawayBytes,
  later,
  messageBytes,
  RawPeer,
  response,
  trackOf,
} from './support.js';

const NAME = trackOf(['a']);
const {
  PROTOCOL_VIOLATION,
  INVALID_REQUEST_ID,
  INVALID_AUTHORITY,
  INVALID_PATH,
  MALFORMED_AUTHORITY,
  MALFORMED_PATH,
  KEY_VALUE_FORMATTING_ERROR,
  DUPLICATE_AUTH_TOKEN_ALIAS,
  UNKNOWN_AUTH_TOKEN_ALIAS,
  AUTH_TOKEN_CACHE_OVERFLOW,
} = SessionTerminationCode;
/** Request ID 0, the namespace `a` and the name `t`: what SUBSCRIBE begins with. */
const HEAD = '00' + '010161' + '0174';

/** The code that a session closes with when a SUBSCRIBE has these parameters. */
const subscribing = (parameters: string) => closeCodeFor(true, frame('03', HEAD + parameters));

describe('messages', () => {
  it('N146: an unknown type closes the session', () => {
    for (const type of ['3f', '41', '8020', 'ff'.repeat(9)])
      expect(closeCodeFor(true, frame(type, ''))).toBe(PROTOCOL_VIOLATION);
    expect(closeCodeFor(true, frame('3f', `${HEAD}00`))).toBe(PROTOCOL_VIOLATION);
    const peer = new RawPeer();
    peer.write(0, frame('3f', ''));
    expect(peer.closeCode).toBe(PROTOCOL_VIOLATION);
  });

  it('N147: a length that is not that of the payload closes the session', () => {
    expect(closeCodeFor(true, frame('03', `${HEAD}00`))).toBe(null);
    expect(closeCodeFor(true, frame('03', `${HEAD}0000`))).toBe(PROTOCOL_VIOLATION);
    expect(closeCodeFor(true, frame('03', HEAD))).toBe(PROTOCOL_VIOLATION);
  });
});

describe('parameters', () => {
  it('N150: a type above 2^64 - 1 closes the session', () => {
    expect(subscribing(`021001${'ff'.repeat(9)}00`)).toBe(PROTOCOL_VIOLATION);
  });

  it('N152: an unknown one closes the session', () => {
    for (const type of ['01', '07', '3f', 'a000']) expect(subscribing(`01${type}00`)).toBe(PROTOCOL_VIOLATION);
  });

  it('N154: one that stands twice closes the session', () => {
    expect(subscribing('0220010001')).toBe(PROTOCOL_VIOLATION);
    expect(subscribing('0220010101')).toBe(PROTOCOL_VIOLATION);
    // Tokens may be repeated.
    expect(subscribing('020303030161' + '0003030162')).toBe(null);
  });

  it('N156: one that belongs to another message closes the session', () => {
    // EXPIRES, LARGEST_OBJECT, FILL_TIMEOUT and TRACK_NAMESPACE_PREFIX in SUBSCRIBE; FORWARD in TRACK_STATUS.
    for (const misplaced of ['010800', '01090000', '010a00', '013400'])
      expect(subscribing(misplaced)).toBe(PROTOCOL_VIOLATION);
    expect(closeCodeFor(true, frame('0d', `${HEAD}011001`))).toBe(PROTOCOL_VIOLATION);
  });

  it('N177: a GROUP_ORDER that is neither 1 nor 2 closes the session', () => {
    expect(['00', '01', '02', '03'].map((value) => subscribing(`0122${value}`))).toEqual([
      PROTOCOL_VIOLATION,
      null,
      null,
      PROTOCOL_VIOLATION,
    ]);
  });

  it('N181: a FORWARD that is neither 0 nor 1 closes the session', () => {
    expect(['00', '01', '02'].map((value) => subscribing(`0110${value}`))).toEqual([null, null, PROTOCOL_VIOLATION]);
  });
});

describe('authorization tokens', () => {
  const register = (alias: number, value = 'v') =>
    ({ action: 'register', alias, type: 0, value: utf8(value) }) as const;
  const use = (alias: number) => ({ action: 'use-alias', alias }) as const;
  const forget = (alias: number) => ({ action: 'delete', alias }) as const;

  /** A server that is shown these tokens, each list with a SUBSCRIBE of its own. */
  function shown(lists: readonly (readonly Token[])[], config: Partial<SessionConfig> = {}) {
    const peer = new RawPeer(config);
    const streams = lists.map((authorizationTokens, index) => {
      const name = trackOf([`t${index}`]);
      return peer.open(
        true,
        messageBytes({ kind: 'subscribe', requestId: 2 * index, name, parameters: { authorizationTokens } }),
      );
    });
    const values = peer.notices.flatMap((notice) =>
      notice.kind === 'subscribe'
        ? [notice.parameters.authorizationTokens?.map(({ value }) => String.fromCharCode(...value))]
        : [],
    );
    return { peer, streams, values };
  }

  it('N157: an alias that is deleted is retired, and may be registered anew', () => {
    const { values, peer } = shown([[register(1, 'a')], [forget(1)], [register(1, 'b')], [use(1)]]);
    expect(values).toEqual([['a'], [], ['b'], ['b']]);
    expect(peer.closeCode).toBe(null);
    expect(shown([[register(1)], [forget(1)], [use(1)]]).peer.closeCode).toBe(UNKNOWN_AUTH_TOKEN_ALIAS);
  });

  it('N158 N165: an alias stands for its token until it is deleted, however long that takes', () => {
    const { peer } = shown([[register(1, 'a')]]);
    peer.session.reject(0, { code: RequestErrorCode.EXPIRED_AUTH_TOKEN, reason: '', retryIntervalMs: null });
    peer.advance(100_000_000);
    const parameters = { authorizationTokens: [use(1)] };
    peer.open(true, messageBytes({ kind: 'subscribe', requestId: 2, name: NAME, parameters }));
    const tokens = peer.notices.flatMap((notice) => (notice.kind === 'subscribe' ? [notice.parameters] : []));
    expect(tokens).toEqual(Array(2).fill({ authorizationTokens: [{ type: 0, value: utf8('a') }] }));
  });

  it('N159: SETUP may neither use nor delete an alias', () => {
    for (const token of [use(1), forget(1)]) {
      const peer = new RawPeer({}, false);
      peer.open(false, messageBytes({ kind: 'setup', options: { authorizationTokens: [token] } }, CONTROL_FIRST));
      expect(peer.closeCode).toBe(PROTOCOL_VIOLATION);
    }
  });

  it('N160: one that cannot be decoded closes the session', () => {
    for (const token of ['', '00', '0104', '020201', '0401']) {
      const length = (token.length / 2).toString(16).padStart(2, '0');
      expect([token, subscribing(`0103${length}${token}`)]).toEqual([token, KEY_VALUE_FORMATTING_ERROR]);
    }
  });

  it('N161: an alias that is registered already closes the session', () => {
    expect(shown([[register(1)], [register(1, 'other')]]).peer.closeCode).toBe(DUPLICATE_AUTH_TOKEN_ALIAS);
  });

  it('N162: an alias that is not registered is UNKNOWN_AUTH_TOKEN_ALIAS', () => {
    expect(shown([[use(1)]]).peer.closeCode).toBe(UNKNOWN_AUTH_TOKEN_ALIAS);
    expect(shown([[forget(1)]]).peer.closeCode).toBe(UNKNOWN_AUTH_TOKEN_ALIAS);
  });

  it('N163: a token that a message shows twice is MALFORMED_AUTH_TOKEN', () => {
    const value = { type: 0, value: utf8('v') };
    const { peer, streams } = shown([[value, value]]);
    expect(answersOn(peer, streams[0]!, 'subscribe')).toMatchObject([
      { error: { code: RequestErrorCode.MALFORMED_AUTH_TOKEN } },
    ]);
  });

  it('N164: a registration holds although its message failed', () => {
    const value = { type: 0, value: utf8('v') };
    const { peer, values } = shown([[register(1, 'v'), value], [use(1)]]);
    expect([values, peer.closeCode]).toEqual([[['v']], null]);
  });

  it('N167: a registration beyond the size that SETUP offered closes the session', () => {
    const setup = { maxAuthTokenCacheSizeBytes: 34 };
    expect(shown([[register(1, 'a')], [register(2, 'b')]], { setup }).peer.closeCode).toBe(null);
    expect(shown([[register(1, 'a')], [register(2, 'bc')]], { setup }).peer.closeCode).toBe(AUTH_TOKEN_CACHE_OVERFLOW);
  });

  it('N199 N200: in SETUP such a registration counts as a token by value', () => {
    const peer = new RawPeer({ setup: { maxAuthTokenCacheSizeBytes: 17 } }, false);
    const authorizationTokens = [register(1, 'a'), register(2, 'b')];
    peer.open(false, messageBytes({ kind: 'setup', options: { authorizationTokens } }, CONTROL_FIRST));
    expect(peer.closeCode).toBe(null);
    const expected = ['a', 'b'].map((value) => ({ type: 0, value: utf8(value) }));
    expect(peer.notices[0]).toMatchObject({ options: { authorizationTokens: expected } });
    const parameters = { authorizationTokens: [use(2)] };
    peer.open(true, messageBytes({ kind: 'subscribe', requestId: 0, name: NAME, parameters }));
    expect(peer.closeCode).toBe(UNKNOWN_AUTH_TOKEN_ALIAS);
  });
});

describe('SETUP', () => {
  /** The code that a session closes with when the peer's SETUP has these options, in hex. */
  function setupWith(options: string, config: Partial<SessionConfig> = {}) {
    const peer = new RawPeer(config, false);
    peer.open(false, frame('af00', options));
    return { code: peer.closeCode, established: peer.session.established, notice: peer.notices[0] };
  }

  it('N187 N188 N336 N340: unknown options are ignored', () => {
    for (const options of ['8f3900', `3e00${'bf42'}01`, '3f0161']) {
      expect(setupWith(options)).toMatchObject({
        code: null,
        established: true,
        notice: { kind: 'setup', options: {} },
      });
    }
  });

  it('N190: unknown options may stand twice', () => {
    expect(setupWith('3f0161' + '000162')).toMatchObject({ code: null, established: true });
    expect(setupWith('01012f' + '00012f').code).toBe(PROTOCOL_VIOLATION);
  });

  it('N189: no option of ours goes twice', () => {
    const options = { path: '/a', others: [{ type: 1, value: utf8('/b') }] };
    expect(() => messageBytes({ kind: 'setup', options }, CONTROL_FIRST)).toThrow(EncodeError);
  });

  it('N192: AUTHORITY from a server or over WebTransport closes the session', () => {
    const authority = '050168';
    expect(setupWith(authority).code).toBe(null);
    expect(setupWith(authority, { role: 'client' }).code).toBe(INVALID_AUTHORITY);
    expect(setupWith(authority, { overWebTransport: true }).code).toBe(INVALID_AUTHORITY);
  });

  it('N194: an AUTHORITY that is none closes the session', () => {
    for (const text of ['', 'a b', 'h:x', '[::1', ':443', 'a@b@c']) {
      const hex = Buffer.from(text).toString('hex');
      expect(setupWith(`05${text.length.toString(16).padStart(2, '0')}${hex}`).code).toBe(MALFORMED_AUTHORITY);
    }
  });

  it('N196: PATH from a server or over WebTransport closes the session', () => {
    const path = '01012f';
    expect(setupWith(path).code).toBe(null);
    expect(setupWith(path, { role: 'client' }).code).toBe(INVALID_PATH);
    expect(setupWith(path, { overWebTransport: true }).code).toBe(INVALID_PATH);
  });

  it('N198: a PATH that is none closes the session', () => {
    for (const text of ['a', '/a b', '/%2', '/a#b', '/a?b#c']) {
      const hex = Buffer.from(text).toString('hex');
      expect(setupWith(`01${text.length.toString(16).padStart(2, '0')}${hex}`).code).toBe(MALFORMED_PATH);
    }
  });

  it('N191 N195: AUTHORITY and PATH are sent by clients on raw QUIC only', () => {
    const make = (config: Partial<SessionConfig>) => () => new RawPeer(config, false);
    for (const setup of [{ authority: 'h' }, { path: '/' }]) {
      expect(make({ role: 'client', setup })).not.toThrow();
      expect(make({ role: 'server', setup })).toThrow(EncodeError);
      expect(make({ role: 'client', overWebTransport: true, setup })).toThrow(EncodeError);
    }
  });

  it('N202: MOQT_IMPLEMENTATION is UTF-8', () => {
    const peer = new RawPeer({ setup: { implementation: 'höher/1' } }, false);
    const hex = Buffer.from(peer.on(-1)[1]!.bytes).toString('hex');
    expect(hex).toContain(`08${Buffer.from('höher/1').toString('hex')}`);
  });
});

describe('GOAWAY', () => {
  it('N206: of a client names no URI', () => {
    const { session } = clientPeer((started) => started.subscribe(NAME, {}));
    expect(() => session.goaway('moqt://b/', 0)).toThrow(EncodeError);
    expect(() => session.goawayRequest(0, 'moqt://b/', 0)).toThrow(EncodeError);
    const peer = clientPeer((started) => started.goaway('', 0));
    expect(Buffer.from(peer.on(-1).at(-1)!.bytes).toString('hex')).toBe('1000030000' + '01');
  });

  it('N211: a second one on the control stream or on a request stream closes the session', () => {
    const peer = new RawPeer();
    peer.write(0, goawayBytes(1));
    expect(peer.closeCode).toBe(null);
    peer.write(0, goawayBytes(1));
    expect(peer.closeCode).toBe(PROTOCOL_VIOLATION);
    const goaway = { kind: 'goaway', newSessionUri: '', timeoutMs: 0, requestId: null } as const;
    const requested = clientPeer((session) => session.subscribe(NAME, {}));
    requested.write(FIRST_REQUEST, response('subscribe', goaway));
    expect(requested.closeCode).toBe(null);
    requested.write(FIRST_REQUEST, response('subscribe', goaway));
    expect(requested.closeCode).toBe(PROTOCOL_VIOLATION);
  });

  it('N214: a URI above 8,192 bytes closes the session', () => {
    const peer = clientPeer();
    peer.write(0, frame('10', `a001${'61'.repeat(8193)}0000`));
    expect(peer.closeCode).toBe(PROTOCOL_VIOLATION);
    const longest = clientPeer();
    longest.write(0, frame('10', `a000${'61'.repeat(8192)}0000`));
    expect(longest.closeCode).toBe(null);
  });

  it('N215: with a URI from a client closes the session', () => {
    const peer = new RawPeer();
    peer.write(0, goawayBytes(1, 'moqt://b/'));
    expect(peer.closeCode).toBe(PROTOCOL_VIOLATION);
    const requested = new RawPeer();
    const stream = requested.open(true, messageBytes({ kind: 'subscribe', requestId: 0, name: NAME, parameters: {} }));
    const goaway = { kind: 'goaway', newSessionUri: 'moqt://b/', timeoutMs: 0, requestId: null } as const;
    requested.write(stream, later('subscribe', goaway));
    expect(requested.closeCode).toBe(PROTOCOL_VIOLATION);
  });

  it('N216: of a request resets its stream with GOING_AWAY after its time', () => {
    const peer = new RawPeer();
    const stream = peer.open(true, messageBytes({ kind: 'subscribe', requestId: 0, name: NAME, parameters: {} }));
    peer.session.goawayRequest(0, '', 400);
    peer.advance(399);
    expect(doneTo(peer, stream)).toEqual(['write']);
    peer.advance(1);
    expect(doneTo(peer, stream)).toContain(`reset ${StreamResetCode.GOING_AWAY}`);
  });

  it('N217: without a time has no end of its own', () => {
    const peer = new RawPeer();
    const stream = peer.open(true, messageBytes({ kind: 'subscribe', requestId: 0, name: NAME, parameters: {} }));
    peer.session.goawayRequest(0, '', 0);
    peer.session.goaway('', 0);
    peer.collect();
    peer.advance(100_000_000);
    expect([doneTo(peer, stream), peer.closeCode]).toEqual([['write'], null]);
  });

  it('N218: with a Request ID of the sender closes the session', () => {
    const codes = (['client', 'server'] as const).map((role) =>
      [0, 1].map((requestId) => {
        const peer = new RawPeer({ role });
        peer.write(0, messageBytes({ kind: 'goaway', newSessionUri: '', timeoutMs: 0, requestId }, CONTROL));
        return peer.closeCode;
      }),
    );
    expect(codes).toEqual([
      [null, INVALID_REQUEST_ID],
      [INVALID_REQUEST_ID, null],
    ]);
  });

  it('N219: requests that it does not name are rejected with GOING_AWAY', () => {
    const pair = establishedPair();
    const before = pair.client.session.subscribe(NAME, {});
    pair.run();
    pair.server.session.goaway('', 0);
    const crossing = pair.client.session.subscribe(trackOf(['b']), {});
    pair.run();
    const after = pair.client.session.trackStatus(NAME);
    pair.run();
    expect(pair.client.one('goaway')).toMatchObject({ request: null });
    expect(pair.server.all('subscribe').map(({ request }) => request)).toEqual([before]);
    expect(pair.client.all('request-error').map(({ request, error }) => [request, error.code])).toEqual([
      [crossing, RequestErrorCode.GOING_AWAY],
      [after, RequestErrorCode.GOING_AWAY],
    ]);
  });
});

describe('REQUEST_OK and REQUEST_ERROR', () => {
  it('N220: Track Properties where there is no track close the session', () => {
    const { namespace } = NAME;
    const requests: ((session: MoqtSession) => void)[] = [
      (session) => session.publish(NAME, 1),
      (session) => session.publishNamespace(namespace),
      (session) => session.subscribeNamespace(namespace),
      (session) => session.subscribeTracks(namespace),
    ];
    for (const start of requests) {
      const peer = clientPeer(start);
      peer.write(FIRST_REQUEST, frame('07', '00' + '0401'));
      expect(peer.closeCode).toBe(PROTOCOL_VIOLATION);
    }
    const status = clientPeer((session) => session.trackStatus(NAME));
    status.write(FIRST_REQUEST, frame('07', '00' + '0401'));
    expect(status.closeCode).toBe(null);
  });

  const redirect = (uri: string, name = trackOf(['b'])) => ({
    kind: 'request-error' as const,
    error: { code: RequestErrorCode.REDIRECT, reason: '', retryIntervalMs: null, redirect: { connectUri: uri, name } },
  });

  it('N222: a redirect of a client to a URI closes the session', () => {
    const close = (role: 'client' | 'server', uri: string) => {
      const peer = new RawPeer({ role });
      peer.session.publish(NAME, 1);
      peer.collect();
      peer.write(FIRST_REQUEST, response('publish', redirect(uri)));
      return peer.closeCode;
    };
    expect(close('server', 'moqt://b/')).toBe(PROTOCOL_VIOLATION);
    expect([close('server', ''), close('client', 'moqt://b/')]).toEqual([null, null]);
  });

  it('N223: a redirect of a namespace request to a track closes the session', () => {
    const close = (kind: 'publish-namespace' | 'subscribe-namespace', name: string) => {
      const peer = clientPeer((session) =>
        kind === 'publish-namespace'
          ? session.publishNamespace(NAME.namespace)
          : session.subscribeNamespace(NAME.namespace),
      );
      peer.write(FIRST_REQUEST, response(kind, redirect('', trackOf(['b'], name))));
      return peer.closeCode;
    };
    for (const kind of ['publish-namespace', 'subscribe-namespace'] as const) {
      expect([close(kind, 'x'), close(kind, '')]).toEqual([PROTOCOL_VIOLATION, null]);
    }
  });

  it('N224 N225: the Retry Interval is one more than the time, and 0 says not to retry', () => {
    const told = (interval: string) => {
      const peer = clientPeer((session) => session.subscribe(NAME, {}));
      peer.write(FIRST_REQUEST, frame('05', `10${interval}00`));
      const notice = peer.notices.at(-1);
      return notice?.kind === 'request-error' ? notice.error.retryIntervalMs : undefined;
    };
    expect([told('00'), told('01'), told('65')]).toEqual([null, 0, 100]);
  });

  it('N226: the code says why', () => {
    const codes = [RequestErrorCode.DOES_NOT_EXIST, RequestErrorCode.DUPLICATE_SUBSCRIPTION];
    const peer = new RawPeer();
    const subscribe = (requestId: number, name = NAME) =>
      peer.open(true, messageBytes({ kind: 'subscribe', requestId, name, parameters: {} }));
    const reserved = subscribe(0, trackOf(['.', 'x']));
    subscribe(2);
    const streams = [reserved, subscribe(4)];
    expect(streams.map((stream) => answersOn(peer, stream, 'subscribe'))).toMatchObject(
      codes.map((code) => [{ error: { code } }]),
    );
  });

  it('N227: a request that is refused for want of room may come again', () => {
    const peer = new RawPeer({ limits: { requestsMax: 1 } });
    peer.open(true, messageBytes({ kind: 'subscribe', requestId: 0, name: NAME, parameters: {} }));
    const refused = peer.open(
      true,
      messageBytes({ kind: 'subscribe', requestId: 2, name: trackOf(['b']), parameters: {} }),
    );
    expect(answersOn(peer, refused, 'subscribe')).toMatchObject([
      { error: { code: RequestErrorCode.EXCESSIVE_LOAD, retryIntervalMs: 1000 } },
    ]);
  });

  it('N334 N337 N342: unknown codes and properties are taken', () => {
    expect(closeCodeForAnswer(frame('05', 'bfff0000'))).toBe(null);
    const peer = clientPeer((session) => session.subscribe(NAME, {}));
    peer.write(FIRST_REQUEST, frame('04', '0100' + 'b8fe05' + '01' + '0178'));
    expect([peer.closeCode, peer.notices.at(-1)?.kind]).toEqual([null, 'subscribe-ok']);
  });
});
