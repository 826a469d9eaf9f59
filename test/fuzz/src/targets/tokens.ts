import {
  encodeMessage,
  fullTrackName,
  MOQT_18,
  MoqtSession,
  REQUEST_FIRST,
  SessionTerminationCode,
  type Token,
  trackNamespace,
} from '@higgins/protocol';
import { Finding, type Outcome, type Target } from '../frame/finding.js';
import { Random } from '../frame/random.js';
import { LIMITS } from '../session/harness.js';
import { CloseListener, establish } from './server.js';

interface Input {
  readonly seed: number;
  readonly index: number;
}

/** What one registered token costs beyond its value (draft-18 §10.3.1.3). */
const OVERHEAD_BYTES = 16;
/** So many that with their values they pass the limit now and then. */
const ALIASES = 5;
const ALIAS_NUMBERS = Array.from({ length: ALIASES }, (_, alias) => alias);
const { DUPLICATE_AUTH_TOKEN_ALIAS, UNKNOWN_AUTH_TOKEN_ALIAS, AUTH_TOKEN_CACHE_OVERFLOW } = SessionTerminationCode;

/** Tokens that are registered, used and deleted, against a model of what the draft says of each (draft-18 §10.2.2). */
export const tokens: Target = {
  name: 'tokens',
  fuzz: (random) => judge({ seed: random.uint32(), index: random.uint32() }),
  replay: (input) => judge(input as Input),
};

function judge(input: Input): Outcome {
  const random = new Random(input.seed, input.index);
  const session = new MoqtSession({ role: 'server', profile: MOQT_18, setup: {}, limits: LIMITS });
  const listener = new CloseListener(session);
  let bytes = establish(listener);
  const registered = new Map<number, number>();
  for (let i = 0; i < 40 && listener.closeCode === null; i++) {
    const token = drawToken(random, registered);
    const expected = outcomeOf(token, registered);
    bytes += listener.request(i, requestWith(2 * i, token));
    if (listener.closeCode !== expected) {
      throw new Finding(`tokens: closes with ${listener.closeCode}, expected ${expected}`, input);
    }
  }
  return { bytes, passedFirst: session.established || listener.closeCode !== null };
}

/** The code that the session has to close with, or null; `registered` follows. */
function outcomeOf(token: Token, registered: Map<number, number>): number | null {
  if (!('action' in token)) return null;
  const alias = Number(token.alias);
  if (token.action !== 'register') {
    if (!registered.has(alias)) return UNKNOWN_AUTH_TOKEN_ALIAS;
    if (token.action === 'delete') registered.delete(alias);
    return null;
  }
  if (registered.has(alias)) return DUPLICATE_AUTH_TOKEN_ALIAS;
  registered.set(alias, OVERHEAD_BYTES + token.value.length);
  const used = [...registered.values()].reduce((sum, cost) => sum + cost, 0);
  return used > LIMITS.tokenCacheBytesMax ? AUTH_TOKEN_CACHE_OVERFLOW : null;
}

// Mostly what is allowed, so that runs are long: they end with the first fault.
function drawToken(random: Random, registered: ReadonlyMap<number, number>): Token {
  const known = [...registered.keys()];
  const wrong = random.oneIn(40);
  const kind = random.below(8);
  if (kind === 7) return { type: random.vi64(), value: random.bytes(20) };
  if (kind < 4 && (wrong || known.length < ALIASES)) {
    const free = ALIAS_NUMBERS.filter((alias) => wrong || !registered.has(alias));
    return { action: 'register', alias: random.pick(free), type: random.vi64(), value: random.bytes(20) };
  }
  const alias = wrong || known.length === 0 ? random.below(ALIASES) : random.pick(known);
  if (known.length === 0 && !wrong) return { action: 'register', alias, type: 0, value: random.bytes(20) };
  return { action: kind === 6 ? 'use-alias' : 'delete', alias };
}

function requestWith(requestId: number, token: Token): Uint8Array {
  const name = fullTrackName(trackNamespace([new Uint8Array([0x61])]), new Uint8Array([0x62]));
  const parameters = { authorizationTokens: [token] };
  return encodeMessage(MOQT_18, { kind: 'track-status', requestId, name, parameters }, REQUEST_FIRST);
}
