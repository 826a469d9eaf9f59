import type { RelayNode } from '@higgins/relay/core';
import { type Guarantee, type Invariant, Violation } from '../frame/invariant.js';
import type { Simulation } from '../frame/simulation.js';
import { Parts } from './support/parts.js';

/** What this file judges. */
export const guarantee: Guarantee = {
  id: 'one-upstream-subscription',
  statement:
    'a relay has one subscription per track and upstream session at most, counts them right, and keeps none that nobody wants',
  design: [11],
};

/** Invariant 11 of the design without meshes, and BUS-54: judged by what both ends of each session have on record. */
export function oneUpstreamSubscription(simulation: Simulation): Invariant {
  const parts = new Parts(simulation);
  return { ...guarantee, check: () => parts.look(judge) };
}

function judge(node: string, { core }: RelayNode): void {
  let subscriptions = 0;
  for (const track of core.tracks) {
    const { key } = track.name;
    subscriptions += track.sources.size;
    for (const [peer, source] of track.sources) {
      if (!core.peers.has(peer)) throw violation(`${node} has a subscription to ${key} on a session that is over`);
      if (peer.requests.get(source.request) !== source)
        throw violation(`${node} lost track of its subscription to ${key}`);
      if (source.origin !== 'subscribe' || track.wanted || track.lingerTimer.slot !== null) continue;
      throw violation(`${node} keeps a subscription to ${key} that nobody wants, and that will not end`);
    }
  }
  if (subscriptions !== core.counters.upstreamSubscriptions) {
    throw violation(
      `${node} counts ${core.counters.upstreamSubscriptions} upstream subscriptions and has ${subscriptions}`,
    );
  }
  for (const peer of core.peers) {
    const asked = new Set<unknown>();
    for (const own of peer.requests.values()) {
      if (own.kind !== 'source') continue;
      if (asked.has(own.track)) throw violation(`${node} subscribes to ${own.track.name.key} twice in one session`);
      asked.add(own.track);
    }
    const served = new Set<unknown>();
    for (const { track } of peer.subscriptions.values()) {
      if (served.has(track)) throw violation(`${node} serves ${track.name.key} twice in one session`);
      served.add(track);
    }
  }
}

function violation(message: string): Violation {
  return new Violation(guarantee.id, message);
}
