import type { Client } from '@higgins/client';
import type { RelayNode } from '@higgins/relay/core';
import { type Guarantee, type Invariant, Violation } from '../frame/invariant.js';
import type { Simulation } from '../frame/simulation.js';
import { Parts } from './support/parts.js';

/** What this file judges. */
export const guarantee: Guarantee = {
  id: 'stays-within-budget',
  statement:
    'caches, backlogs and queues of relays and clients stay within their limits at every step, and are counted right',
  design: [18],
};

export interface Budgets {
  /** The largest object that is published, with everything around it. */
  readonly objectBytesMax: number;
}

/** Live objects that may wait on one track of a client: the client's own limits. */
const WAITING_OBJECTS_MAX = 1024;
const WAITING_BYTES_MAX = 8 * 1024 * 1024;
/** Events that may wait for one consumer. */
const WAITING_EVENTS_MAX = 1024;

/** Invariant 18 of the design, BUS-60 and BUS-61. */
export function staysWithinBudget(simulation: Simulation, budgets: Budgets): Invariant {
  const parts = new Parts(simulation);
  return {
    ...guarantee,
    check() {
      parts.look((name, relay) => judgeRelay(name, relay, budgets), judgeClient);
    },
  };
}

function judgeRelay(node: string, { core }: RelayNode, budgets: Budgets): void {
  const { limits, budget, tracks, counters } = core;
  atMost(`the cache of ${node}`, budget.bytes, limits.cacheBytesMax, 'bytes');
  atMost(node, tracks.size, limits.tracksMax, 'tracks');
  // Those that are turned away are there until their session has ended.
  const sessions = [...core.peers].filter(({ kind, admitted }) => kind === 'client' && admitted).length;
  atMost(node, sessions, limits.sessionsMax, 'sessions');
  let [cachedBytes, subscriptions] = [0, 0];
  for (const track of tracks) {
    cachedBytes += track.cache.bytes;
    subscriptions += track.subscriptions.size + track.waiting.size;
    for (const { heldBytes } of track.sources.values()) {
      atMost(`a recovery at ${node}`, heldBytes, limits.resumeHoldBytesMax + budgets.objectBytesMax, 'bytes');
    }
  }
  equal(`the cache of ${node}`, budget.bytes, cachedBytes, 'bytes');
  equal(node, counters.subscriptions, subscriptions, 'subscriptions');
  for (const peer of core.peers) judgePeer(node, core, peer, budgets);
}

function judgePeer(
  node: string,
  { limits }: RelayNode['core'],
  peer: RelayNode['core']['peers'] extends ReadonlySet<infer Member> ? Member : never,
  { objectBytesMax }: Budgets,
): void {
  atMost(`a session at ${node}`, peer.subscriptions.size, limits.subscriptionsPerSessionMax, 'subscriptions');
  atMost(`a session at ${node}`, peer.fetches.size, limits.fetchesPerSessionMax, 'fetches');
  let backlogBytesMax = limits.fetchBacklogBytes + objectBytesMax;
  for (const { conflating, missed, track } of peer.subscriptions.values()) {
    atMost(`a subscription at ${node}`, missed.length, limits.behindGroupsMax, 'missed subgroups');
    const skips = conflating && track.policy.shape !== null;
    backlogBytesMax += objectBytesMax + (skips ? limits.conflationBacklogBytes : limits.subscriptionBacklogBytes);
  }
  atMost(`the backlog of ${peer.connection.peer.address} at ${node}`, peer.outstandingBytes, backlogBytesMax, 'bytes');
}

function judgeClient(node: string, { levels, store }: Client): void {
  const { tracks, consumers, waitingObjects, waitingBytes, waitingUpdates, waitingEvents } = levels;
  atMost(node, waitingObjects, tracks * WAITING_OBJECTS_MAX, 'waiting objects');
  atMost(node, waitingBytes, tracks * WAITING_BYTES_MAX, 'waiting bytes');
  atMost(node, waitingUpdates, consumers, 'waiting updates');
  atMost(node, waitingEvents, consumers * WAITING_EVENTS_MAX, 'waiting events');
  atMost(node, [...store.values()].length, tracks + RETIRED_TRACKS_MAX, 'stored values');
}

/** Values of tracks that are not followed any more stay in the store: their fallback still counts. */
const RETIRED_TRACKS_MAX = 1024;

function atMost(who: string, value: number, limit: number, what: string): void {
  if (value > limit) throw new Violation(guarantee.id, `${who} has ${value} ${what}, expected at most ${limit}`);
}

function equal(who: string, counted: number, actual: number, what: string): void {
  if (counted !== actual) throw new Violation(guarantee.id, `${who} counts ${counted} ${what} and has ${actual}`);
}
