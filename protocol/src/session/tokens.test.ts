import { describe, expect, it } from 'vitest';
import { RequestError, RequestErrorCode, SessionError, SessionTerminationCode } from '../errors.js';
import type { Token } from '../messages/authorization-token.js';
import { messageBytes, RawPeer } from '../testing/raw-peer.js';
import { establishedPair, track } from '../testing/sessions.js';
import { TokenCache } from './tokens.js';

const VALUE = Uint8Array.of(1, 2, 3, 4);
const REGISTER: Token = { action: 'register', alias: 1, type: 5, value: VALUE };
const USE: Token = { action: 'use-alias', alias: 1 };
const DELETE: Token = { action: 'delete', alias: 1 };
const TOKEN = { type: 5, value: VALUE };

function resolve(cache: TokenCache, ...authorizationTokens: Token[]) {
  return cache.resolve({ authorizationTokens }).authorizationTokens;
}

function sessionCode(run: () => unknown): number | null {
  try {
    run();
  } catch (error) {
    if (error instanceof SessionError) return error.code;
    throw error;
  }
  return null;
}

describe('token cache', () => {
  it('registers, uses and deletes aliases', () => {
    const cache = new TokenCache(100);
    expect(resolve(cache, REGISTER)).toEqual([TOKEN]);
    expect(resolve(cache, USE)).toEqual([TOKEN]);
    expect(resolve(cache, DELETE)).toEqual([]);
    expect(resolve(cache, REGISTER)).toEqual([TOKEN]);
    expect(cache.size).toBe(1);
    expect(cache.resolve({ forward: true })).toEqual({ forward: true });
  });

  it('ends the session for aliases that are taken or unknown', () => {
    const cache = new TokenCache(100);
    const { DUPLICATE_AUTH_TOKEN_ALIAS, UNKNOWN_AUTH_TOKEN_ALIAS } = SessionTerminationCode;
    expect(sessionCode(() => resolve(cache, USE))).toBe(UNKNOWN_AUTH_TOKEN_ALIAS);
    expect(sessionCode(() => resolve(cache, DELETE))).toBe(UNKNOWN_AUTH_TOKEN_ALIAS);
    resolve(cache, REGISTER);
    expect(sessionCode(() => resolve(cache, REGISTER))).toBe(DUPLICATE_AUTH_TOKEN_ALIAS);
  });

  it('counts 16 bytes and the value for each token, and gives them back', () => {
    const cache = new TokenCache(20);
    resolve(cache, REGISTER);
    const second: Token = { action: 'register', alias: 2, type: 0, value: new Uint8Array(0) };
    expect(sessionCode(() => resolve(cache, second))).toBe(SessionTerminationCode.AUTH_TOKEN_CACHE_OVERFLOW);
    resolve(cache, DELETE);
    expect(sessionCode(() => resolve(cache, second))).toBe(null);
    expect(sessionCode(() => resolve(new TokenCache(0), REGISTER))).toBe(0x13);
  });

  it('fails a message that shows a token twice, and keeps what it registered', () => {
    const cache = new TokenCache(100);
    expect(() => resolve(cache, REGISTER, TOKEN)).toThrow(RequestError);
    expect(resolve(cache, USE)).toEqual([TOKEN]);
  });
});

describe('tokens of requests', () => {
  it('surface resolved in requests and updates', () => {
    const pair = establishedPair();
    const request = pair.client.session.subscribe(track('a'), { authorizationTokens: [TOKEN] });
    pair.run();
    pair.server.session.acceptSubscribe(request, { trackAlias: 1 });
    pair.client.session.update(request, { authorizationTokens: [{ type: 6, value: VALUE }] });
    pair.run();
    expect(pair.server.one('subscribe').parameters).toEqual({ authorizationTokens: [TOKEN] });
    expect(pair.server.one('update').parameters).toEqual({ authorizationTokens: [{ type: 6, value: VALUE }] });
  });

  it('are resolved over the whole session', () => {
    const peer = new RawPeer();
    const ask = (requestId: number, authorizationTokens: readonly Token[]) =>
      peer.open(
        true,
        messageBytes({
          kind: 'subscribe',
          requestId,
          name: track(`t${requestId}`),
          parameters: { authorizationTokens },
        }),
      );
    ask(0, [REGISTER]);
    ask(2, [USE]);
    expect(peer.notices.at(-1)).toMatchObject({ kind: 'subscribe', parameters: { authorizationTokens: [TOKEN] } });
    const twice = ask(4, [USE, TOKEN]);
    expect(peer.on(twice)[0]?.bytes[3]).toBe(RequestErrorCode.MALFORMED_AUTH_TOKEN);
    ask(6, [{ action: 'use-alias', alias: 9 }]);
    expect(peer.closeCode).toBe(SessionTerminationCode.UNKNOWN_AUTH_TOKEN_ALIAS);
  });
});
