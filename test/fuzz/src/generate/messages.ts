import {
  type FetchRange,
  type Message,
  type MessageContext,
  type MessageKind,
  type MessageParameters,
  MOQT_18,
  type ParameterScope,
  RequestErrorCode,
  type RequestErrorInfo,
  type SetupFields,
} from '@higgins/protocol';
import type { Random } from '../frame/random.js';
import { filter, location, namespace, text, token, trackName, trackProperties } from './values.js';

/** A message of `kind` that the draft allows at `context`. */
export function drawMessage(random: Random, kind: MessageKind, context: MessageContext): Message {
  return DRAW[kind](random, context);
}

/** Parameters that may stand in `scope`, each with the same chance. */
export function drawParameters(random: Random, scope: ParameterScope): MessageParameters {
  const values: Record<string, unknown> = {};
  for (const { name, scopes } of MOQT_18.parameters) {
    if (scopes.has(scope) && random.oneIn(4)) values[name] = PARAMETERS[name](random);
  }
  return values as MessageParameters;
}

const PARAMETERS: { readonly [Name in keyof Required<MessageParameters>]: (random: Random) => unknown } = {
  objectDeliveryTimeoutMs: (random) => random.vi64(),
  authorizationTokens: (random) => Array.from({ length: random.between(1, 3) }, () => token(random)),
  rendezvousTimeoutMs: (random) => random.vi64(),
  subgroupDeliveryTimeoutMs: (random) => random.vi64(),
  expiresMs: (random) => random.vi64(),
  largest: location,
  fillTimeoutMs: (random) => random.vi64(),
  forward: (random) => random.oneIn(2),
  subscriberPriority: (random) => random.below(256),
  filter,
  groupOrder: (random) => random.pick(['ascending', 'descending']),
  newGroupRequest: (random) => random.vi64(),
  namespacePrefix: namespace,
};

const DRAW: { readonly [Kind in MessageKind]: (random: Random, context: MessageContext) => Message } = {
  setup: (random) => ({ kind: 'setup', options: setupOptions(random) }),
  goaway: (random, { control }) => ({
    kind: 'goaway',
    newSessionUri: random.pick(['', '', 'moqt://other.example/']),
    timeoutMs: random.integer(),
    requestId: control ? random.vi64() : null,
  }),
  subscribe: (random) => ({ kind: 'subscribe', ...named(random, 'subscribe') }),
  'track-status': (random) => ({ kind: 'track-status', ...named(random, 'track-status') }),
  publish: (random) => ({
    kind: 'publish',
    ...named(random, 'publish'),
    trackAlias: random.vi64(),
    ...withProperties(random),
  }),
  fetch: (random) => ({
    kind: 'fetch',
    requestId: random.vi64(),
    range: fetchRange(random),
    parameters: drawParameters(random, 'fetch'),
  }),
  'publish-namespace': (random) => ({
    kind: 'publish-namespace',
    requestId: random.vi64(),
    namespace: namespace(random),
    parameters: drawParameters(random, 'publish-namespace'),
  }),
  'subscribe-namespace': (random) => ({ kind: 'subscribe-namespace', ...prefixed(random, 'subscribe-namespace') }),
  'subscribe-tracks': (random) => ({ kind: 'subscribe-tracks', ...prefixed(random, 'subscribe-tracks') }),
  'subscribe-ok': (random) => ({
    kind: 'subscribe-ok',
    ok: { trackAlias: random.vi64(), ...drawParameters(random, 'subscribe-ok'), ...withProperties(random) },
  }),
  'fetch-ok': (random) => ({
    kind: 'fetch-ok',
    ok: { endOfTrack: random.oneIn(2), end: location(random), ...withProperties(random) },
  }),
  'request-ok': (random, { okScope }) => ({
    kind: 'request-ok',
    ok: { ...drawParameters(random, okScope), ...(okScope === 'track-status-ok' && withProperties(random)) },
  }),
  'request-error': (random) => ({ kind: 'request-error', error: requestError(random) }),
  'request-update': (random, { updateScope }) => ({
    kind: 'request-update',
    requestId: random.vi64(),
    parameters: drawParameters(random, updateScope),
  }),
  'publish-done': (random) => ({
    kind: 'publish-done',
    done: { code: random.integer(), streamCount: random.integer(), reason: reason(random) },
  }),
  'publish-blocked': (random) => ({ kind: 'publish-blocked', suffix: trackName(random) }),
  namespace: (random) => ({ kind: 'namespace', suffix: namespace(random) }),
  'namespace-done': (random) => ({ kind: 'namespace-done', suffix: namespace(random) }),
};

function named(random: Random, scope: ParameterScope) {
  return { requestId: random.vi64(), name: trackName(random), parameters: drawParameters(random, scope) };
}

function prefixed(random: Random, scope: ParameterScope) {
  return { requestId: random.vi64(), prefix: namespace(random), parameters: drawParameters(random, scope) };
}

function withProperties(random: Random): { trackProperties?: Uint8Array } {
  const bytes = trackProperties(random);
  return bytes.length === 0 ? {} : { trackProperties: bytes };
}

function fetchRange(random: Random): FetchRange {
  switch (random.below(3)) {
    case 0:
      return { kind: 'relative-joining', subscription: random.below(8), groupsBack: random.vi64() };
    case 1:
      return { kind: 'absolute-joining', subscription: random.below(8), startGroup: random.vi64() };
    default:
      return { kind: 'standalone', name: trackName(random), start: location(random), end: location(random) };
  }
}

function requestError(random: Random): RequestErrorInfo {
  const retryIntervalMs = random.oneIn(2) ? null : Math.min(random.integer(), Number.MAX_SAFE_INTEGER - 2);
  const codes = [...Object.values(RequestErrorCode), 0x9d, 2 ** 40];
  const error = { code: random.pick(codes), reason: reason(random), retryIntervalMs };
  if (error.code !== RequestErrorCode.REDIRECT) return error;
  return { ...error, redirect: { connectUri: random.pick(['', 'moqt://b.example/x']), name: trackName(random) } };
}

function reason(random: Random): string {
  return text(random).slice(0, 1000);
}

function setupOptions(random: Random): SetupFields {
  return {
    ...(random.oneIn(4) && { path: random.pick(['', '/', '/a/b?c=d', '/%20']) }),
    ...(random.oneIn(4) && { authority: random.pick(['a.example', 'a.example:4433', '[::1]:1']) }),
    ...(random.oneIn(2) && { implementation: text(random).slice(0, 100) }),
    ...(random.oneIn(2) && { maxAuthTokenCacheSizeBytes: random.integer() }),
    ...(random.oneIn(3) && { authorizationTokens: [token(random)] }),
    ...(random.oneIn(3) && { others: [{ type: 0x9d, value: random.bytes(9) }] }),
  };
}
