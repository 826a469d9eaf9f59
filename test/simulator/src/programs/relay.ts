import { type Authorizer, RELAY_PROTOCOLS, type RelayEvent, type RelayLimits, RelayNode } from '@higgins/relay/core';
import type { ConnectionLimits, Identity } from '@higgins/transport';
import type { Program } from '../frame/node.js';
import { relayWords } from './words.js';

export interface RelayProgramOptions {
  readonly identity: Identity;
  readonly authoritiesPem: string;
  /** URLs, in order of preference. */
  readonly upstreams: readonly string[];
  readonly limits?: Partial<RelayLimits>;
  readonly authorizer: Authorizer;
}

/** Where relays of the simulator listen. */
export const RELAY_PORT = 4433;

/** As between production relays and agents: a peer that died is left before the shortest TTL ends. */
export const CONNECTION_LIMITS: Partial<ConnectionLimits> = {
  keepAliveMs: 1000,
  idleTimeoutMs: 4000,
  bidirectionalStreamsMax: 32_768,
  unidirectionalStreamsMax: 4096,
};

/** Counters that are no transitions: they go up and down, or with everything. */
const FIGURES = [
  ...['sessions', 'tracks', 'subscriptions', 'upstreamSubscriptions', 'namespaces'],
  ...['propagationSumMs', 'propagationCount', 'bytesReceived'],
];

/** A relay, as its binary runs it, on the virtual world. */
export function relayProgram(options: RelayProgramOptions): Program {
  const { identity, authoritiesPem, upstreams, limits, authorizer } = options;
  return async ({ node, runtime, transport, note, fail, mark, watch, show }) => {
    const relay = new RelayNode({
      runtime,
      transport,
      authorizer,
      upstreams: upstreams.map((url) => ({ url, authoritiesPem, identity, limits: CONNECTION_LIMITS })),
      ...(limits === undefined ? {} : { limits }),
      onEvent(event) {
        note(relayWords(event));
        mark('session', transitionOf(event));
        if (event.kind === 'fault') fail(event.error);
      },
    });
    watch('relay', relay.core.counters, FIGURES);
    show(relay);
    await transport.listen({
      host: node.name,
      port: RELAY_PORT,
      identity,
      clientAuthoritiesPem: authoritiesPem,
      protocols: RELAY_PROTOCOLS,
      limits: CONNECTION_LIMITS,
      accept: (connection) => relay.accept(connection),
    });
    relay.start();
  };
}

/** The URL by which others reach a relay. */
export function relayUrl(name: string): string {
  return `moqt://${name}:${RELAY_PORT}`;
}

/** What became of a session, for the table of coverage. */
function transitionOf(event: RelayEvent): string {
  if (event.kind === 'session-opened') return event.upstream ? 'opened upstream' : 'opened';
  if (event.kind !== 'session-closed') return event.kind;
  const by = event.remote ? 'the peer' : 'us';
  return event.code === null ? 'lost' : `closed by ${by} with 0x${event.code.toString(16)}`;
}
