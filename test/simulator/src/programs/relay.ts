import { type Authorizer, RELAY_PROTOCOLS, type RelayLimits, RelayNode } from '@higgins/relay/core';
import type { ConnectionLimits, Identity } from '@higgins/transport';
import type { Program } from '../frame/node.js';

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

/** A relay, as its binary runs it, on the virtual world. */
export function relayProgram(options: RelayProgramOptions): Program {
  const { identity, authoritiesPem, upstreams, limits, authorizer } = options;
  return async ({ node, runtime, transport, note }) => {
    const relay = new RelayNode({
      runtime,
      transport,
      authorizer,
      upstreams: upstreams.map((url) => ({ url, authoritiesPem, identity, limits: CONNECTION_LIMITS })),
      ...(limits === undefined ? {} : { limits }),
      onEvent: (event) => note(JSON.stringify(event)),
    });
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
