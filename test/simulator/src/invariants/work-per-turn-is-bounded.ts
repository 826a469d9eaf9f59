import type { RelayNode } from '@higgins/relay/core';
import { type Guarantee, type Invariant, Violation } from '../frame/invariant.js';
import type { Simulation } from '../frame/simulation.js';
import { Parts } from './support/parts.js';

/** What this file judges. */
export const guarantee: Guarantee = {
  id: 'work-per-turn-is-bounded',
  statement:
    'in one turn a client or relay asks for no more than a fixed number of tracks, and a relay writes no more than a fixed amount',
  design: [22],
};

/** SUBSCRIBEs that a client sends, and that a relay sends upstream, in one turn: their own limits. */
const SUBSCRIBES_FROM_CLIENT_MAX = 64;
const SUBSCRIBES_UPSTREAM_MAX = 256;
/** What may come together beside: tries of single tracks. */
const SLACK = 8;
/** What one packet may bring of live objects. */
const LIVE_BYTES_MAX = 64 * 1024;
/** In larger worlds clients are not looked at, each of which follows a few tracks there: it would take longer than what they do. */
const NODES_MAX = 128;
/** Relays with more peers are not looked at so closely: it would take longer than what they do. */
const PEERS_MAX = 16;

/**
 * Invariant 22 of the design: a step of the world is a turn of one process. Judged by their own counters, and
 * by what a relay has outstanding towards each peer; `objectBytesMax`: the largest object there is.
 */
export function workPerTurnIsBounded(simulation: Simulation, objectBytesMax: number): Invariant {
  const parts = new Parts(simulation);
  const sent = new WeakMap<object, number>();
  /** How many more there are than at the last look. */
  const more = (part: object, count: number): number => {
    const before = sent.get(part) ?? count;
    sent.set(part, count);
    return count - before;
  };
  const judgeWrites = (name: string, { core }: RelayNode): void => {
    if (core.peers.size > PEERS_MAX) return;
    const limit = core.limits.fetchBacklogBytes + 2 * objectBytesMax + LIVE_BYTES_MAX;
    for (const peer of core.peers) {
      atMost(name, more(peer, peer.outstandingBytes), limit, `bytes were written to ${peer.connection.peer.address}`);
    }
  };
  return {
    ...guarantee,
    check() {
      for (const [name, relay] of parts.relays()) {
        // Those that only pass on what a client asked for in the same turn come beside.
        const { subscribesReceived, upstreamSubscribes } = relay.core.counters;
        const own = more(relay, upstreamSubscribes) - more(relay.core, subscribesReceived);
        atMost(name, own, SUBSCRIBES_UPSTREAM_MAX + SLACK, 'SUBSCRIBEs went upstream');
        judgeWrites(name, relay);
      }
      if (simulation.nodes.size > NODES_MAX) return;
      for (const [name, client] of parts.clients()) {
        atMost(
          name,
          more(client, client.counters.subscribes),
          SUBSCRIBES_FROM_CLIENT_MAX + SLACK,
          'SUBSCRIBEs were sent',
        );
      }
    },
  };
}

function atMost(who: string, value: number, limit: number, what: string): void {
  if (value > limit)
    throw new Violation(guarantee.id, `${who}: ${value} ${what} in one turn, expected at most ${limit}`);
}
