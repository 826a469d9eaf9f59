import { encodeToken, type Message, type SetupFields } from '@higgins/protocol';
import type { ControlMessage, Parameters, Setup, SetupOptionValue } from '@moqt/transport';
import { toTheirLocation, toTheirParameters, toTheirProperties } from './values.js';

const NO_PARAMETERS: Parameters = new Map();
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/**
 * A message of ours as the other implementation has it. Responses have no Request ID on the wire; where its type wants
 * one, none is given.
 */
export function toTheirMessage(message: Message): ControlMessage {
  return TO_THEIRS[message.kind](message as never) as ControlMessage;
}

type ToTheirs = { readonly [Kind in Message['kind']]: (message: Extract<Message, { kind: Kind }>) => object };

const TO_THEIRS: ToTheirs = {
  setup: ({ options }) => ({ type: 'SETUP', setupOptions: setupOptions(options) }),
  goaway: ({ newSessionUri, timeoutMs, requestId }) => ({
    ...{ type: 'GOAWAY', newSessionUri, timeout: BigInt(timeoutMs) },
    ...(requestId !== null && { requestId: BigInt(requestId) }),
  }),
  subscribe: (message) => ({ type: 'SUBSCRIBE', ...named(message) }),
  'track-status': (message) => ({ type: 'TRACK_STATUS', ...named(message) }),
  publish: (message) => ({
    ...{ type: 'PUBLISH', ...named(message), trackAlias: BigInt(message.trackAlias) },
    ...withProperties(message.trackProperties),
  }),
  'publish-namespace': ({ requestId, namespace, parameters }) => ({
    ...{ type: 'PUBLISH_NAMESPACE', requestId: BigInt(requestId), trackNamespace: namespace.fields },
    parameters: toTheirParameters(parameters),
  }),
  'subscribe-namespace': (message) => ({ type: 'SUBSCRIBE_NAMESPACE', ...prefixed(message) }),
  'subscribe-tracks': (message) => ({ type: 'SUBSCRIBE_TRACKS', ...prefixed(message) }),
  fetch: ({ requestId, range, parameters }) => ({
    ...{ type: 'FETCH', requestId: BigInt(requestId), parameters: toTheirParameters(parameters) },
    fetch:
      range.kind === 'standalone'
        ? {
            ...{ fetchType: 1, trackNamespace: range.name.namespace.fields, trackName: range.name.name },
            ...{ startLocation: toTheirLocation(range.start), endLocation: toTheirLocation(range.end) },
          }
        : {
            fetchType: range.kind === 'relative-joining' ? 2 : 3,
            joiningRequestId: BigInt(range.subscription),
            joiningStart: BigInt(range.kind === 'relative-joining' ? range.groupsBack : range.startGroup),
          },
  }),
  'subscribe-ok': ({ ok: { trackAlias, trackProperties, ...parameters } }) => ({
    ...{ type: 'SUBSCRIBE_OK', trackAlias: BigInt(trackAlias), parameters: toTheirParameters(parameters) },
    ...withProperties(trackProperties),
  }),
  'fetch-ok': ({ ok }) => ({
    ...{ type: 'FETCH_OK', endOfTrack: ok.endOfTrack ? 1 : 0, endLocation: toTheirLocation(ok.end) },
    ...{ parameters: NO_PARAMETERS, ...withProperties(ok.trackProperties) },
  }),
  'request-ok': ({ ok: { trackProperties, ...parameters } }) => ({
    ...{ type: 'REQUEST_OK', parameters: toTheirParameters(parameters) },
    ...withProperties(trackProperties),
  }),
  'request-error': ({ error }) => ({
    ...{ type: 'REQUEST_ERROR', errorCode: BigInt(error.code ?? 0), errorReason: error.reason },
    retryInterval: error.retryIntervalMs === null ? 0n : BigInt(error.retryIntervalMs) + 1n,
    ...(error.redirect && {
      redirect: {
        connectUri: text(error.redirect.connectUri),
        trackNamespace: error.redirect.name.namespace.fields,
        trackName: error.redirect.name.name,
      },
    }),
  }),
  'request-update': ({ requestId, parameters }) => ({
    ...{ type: 'REQUEST_UPDATE', requestId: BigInt(requestId), parameters: toTheirParameters(parameters) },
  }),
  'publish-done': ({ done }) => ({
    ...{ type: 'PUBLISH_DONE', statusCode: BigInt(done.code), errorReason: done.reason },
    // The draft's value for an unknown count (draft-18 §10.11).
    streamCount: done.streamCount === Number.MAX_SAFE_INTEGER ? 2n ** 62n - 1n : BigInt(done.streamCount),
  }),
  'publish-blocked': ({ suffix }) => ({
    ...{ type: 'PUBLISH_BLOCKED', trackNamespaceSuffix: suffix.namespace.fields, trackName: suffix.name },
  }),
  namespace: ({ suffix }) => ({ type: 'NAMESPACE', trackNamespaceSuffix: suffix.fields }),
  'namespace-done': ({ suffix }) => ({ type: 'NAMESPACE_DONE', trackNamespaceSuffix: suffix.fields }),
};

function named({ requestId, name, parameters }: Extract<Message, { kind: 'subscribe' | 'track-status' | 'publish' }>) {
  return {
    requestId: BigInt(requestId),
    trackNamespace: name.namespace.fields,
    trackName: name.name,
    parameters: toTheirParameters(parameters),
  };
}

function prefixed({
  requestId,
  prefix,
  parameters,
}: Extract<Message, { kind: 'subscribe-namespace' | 'subscribe-tracks' }>) {
  return {
    requestId: BigInt(requestId),
    trackNamespacePrefix: prefix.fields,
    parameters: toTheirParameters(parameters),
  };
}

// It has the properties under an older name too.
function withProperties(bytes: Uint8Array | undefined) {
  const trackProperties = toTheirProperties(bytes);
  return { trackProperties, trackExtensions: trackProperties };
}

function setupOptions(options: SetupFields): Setup['setupOptions'] {
  const map = new Map<bigint, SetupOptionValue[]>();
  const put = (type: bigint, ...values: SetupOptionValue[]): void => {
    if (values.length > 0) map.set(type, [...(map.get(type) ?? []), ...values]);
  };
  if (options.path !== undefined) put(1n, text(options.path));
  put(3n, ...(options.authorizationTokens ?? []).map(encodeToken));
  if (options.maxAuthTokenCacheSizeBytes !== undefined) put(4n, BigInt(options.maxAuthTokenCacheSizeBytes));
  if (options.authority !== undefined) put(5n, text(options.authority));
  if (options.implementation !== undefined) put(7n, text(options.implementation));
  for (const { type, value } of options.others ?? [])
    put(BigInt(type), typeof value === 'object' ? value : BigInt(value));
  return map;
}
