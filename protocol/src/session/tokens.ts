import { protocolViolation, RequestError, RequestErrorCode, SessionError, SessionTerminationCode } from '../errors.js';
import { TOKEN_OVERHEAD_BYTES } from '../limits.js';
import type { Token } from '../messages/authorization-token.js';
import type { MessageParameters } from '../messages/parameters.js';
import type { Vi64 } from '../model/vi64.js';
import type { AuthorizationToken } from './contract.js';

/** Message Parameters whose tokens are resolved. */
export type ResolvedParameters = Omit<MessageParameters, 'authorizationTokens'> & {
  readonly authorizationTokens?: readonly AuthorizationToken[];
};

/**
 * The tokens that the peer registered under aliases (draft-18 §10.2.2), within the size that our SETUP offered
 * (§10.3.1.3).
 */
export class TokenCache {
  readonly #bytesMax: number;
  readonly #tokens = new Map<Vi64, AuthorizationToken>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get size(): number {
    return this.#tokens.size;
  }

  /**
   * Carries out what the tokens of a message say, and gives the parameters with the tokens that it shows. Throws
   * SessionError where the session has to end, RequestError where only the message fails; registrations hold even then.
   */
  resolve(parameters: MessageParameters): ResolvedParameters {
    const { authorizationTokens, ...others } = parameters;
    if (authorizationTokens === undefined) return others;
    const shown: AuthorizationToken[] = [];
    for (const token of authorizationTokens) {
      const resolved = this.#apply(token);
      if (resolved !== null) shown.push(resolved);
    }
    if (hasDuplicate(shown)) {
      throw new RequestError(RequestErrorCode.MALFORMED_AUTH_TOKEN, 'message shows one authorization token twice');
    }
    return { ...others, authorizationTokens: shown };
  }

  /** The tokens of SETUP: a registration that finds no room counts as a token by value (draft-18 §10.3.1.4). */
  resolveSetup(tokens: readonly Token[]): AuthorizationToken[] {
    return tokens.map((token) => {
      if (!('action' in token)) return token;
      if (token.action !== 'register') throw protocolViolation(`SETUP has an authorization token to ${token.action}`);
      const { type, value } = token;
      return this.#fits(value) ? this.#register(token.alias, { type, value }) : { type, value };
    });
  }

  clear(): void {
    this.#tokens.clear();
    this.#bytes = 0;
  }

  #apply(token: Token): AuthorizationToken | null {
    if (!('action' in token)) return token;
    if (token.action === 'register') return this.#register(token.alias, { type: token.type, value: token.value });
    const known = this.#tokens.get(token.alias);
    if (known === undefined) {
      const message = `authorization token alias ${token.alias} is not registered`;
      throw new SessionError(SessionTerminationCode.UNKNOWN_AUTH_TOKEN_ALIAS, message);
    }
    if (token.action === 'use-alias') return known;
    this.#tokens.delete(token.alias);
    this.#bytes -= sizeOf(known.value);
    return null;
  }

  #register(alias: Vi64, token: AuthorizationToken): AuthorizationToken {
    if (this.#tokens.has(alias)) {
      const message = `authorization token alias ${alias} is registered already`;
      throw new SessionError(SessionTerminationCode.DUPLICATE_AUTH_TOKEN_ALIAS, message);
    }
    if (!this.#fits(token.value)) {
      const message = `authorization tokens pass the ${this.#bytesMax} bytes that were offered`;
      throw new SessionError(SessionTerminationCode.AUTH_TOKEN_CACHE_OVERFLOW, message);
    }
    this.#tokens.set(alias, token);
    this.#bytes += sizeOf(token.value);
    return token;
  }

  #fits(value: Uint8Array): boolean {
    return this.#bytes + sizeOf(value) <= this.#bytesMax;
  }
}

function sizeOf(value: Uint8Array): number {
  return TOKEN_OVERHEAD_BYTES + value.length;
}

// Ends at the first duplicate: an alias may stand for a long value, and be shown many times in a short message.
function hasDuplicate(tokens: readonly AuthorizationToken[]): boolean {
  const seen = new Set<string>();
  return tokens.some((token) => seen.size === seen.add(keyOf(token)).size);
}

function keyOf({ type, value }: AuthorizationToken): string {
  let key = `${type}/`;
  for (const byte of value) key += String.fromCharCode(byte);
  return key;
}
