import { type Guarantee, type Invariant, Violation } from '../frame/invariant.js';
import type { Simulation } from '../frame/simulation.js';
import { Parts } from './support/parts.js';

/** What this file judges. */
export const guarantee: Guarantee = {
  id: 'resubscribes-by-itself',
  statement: 'no fault ends a subscription for good, and after it every one is served again without anybody’s help',
  design: [16],
};

/**
 * Invariant 16 of the design and BUS-36. Every track that clients follow has a publisher when the run ends, though not at
 * every relay that is asked for it.
 */
export function resubscribesByItself(simulation: Simulation): Invariant & {
  /** Whether every subscription is served. */
  holds(): boolean;
} {
  const parts = new Parts(simulation);
  const unserved = (): string | null => {
    for (const [name, client] of parts.clients()) {
      if (!client.connected) return `${name} has no session with a relay`;
      const { unfollowed } = client.levels;
      if (unfollowed > 0) return `${name} waits for ${unfollowed} of its tracks`;
    }
    for (const [name, { core }] of parts.relays()) {
      for (const track of core.tracks) {
        if (!track.demanded || track.hasLiveSource) continue;
        const [publisher] = core.announcements.covering(track.name.namespace);
        if (publisher !== undefined) return `${name} does not follow ${track.name.key}, whose publisher is there`;
        // An upstream is not asked for what nobody but the upstream itself still waits for here.
        if (![...track.subscriptions, ...track.waiting].some(({ peer }) => peer.kind === 'client')) continue;
        const isAsked = track.sources.size > 0 || ![...core.upstreams].some(({ usable }) => usable);
        if (!isAsked) return `${name} does not ask its upstream for ${track.name.key}`;
      }
    }
    return null;
  };
  return {
    ...guarantee,
    observe(observation) {
      if (observation.kind !== 'ended') return;
      const { node, track, reason } = observation;
      throw new Violation(guarantee.id, `the subscription of ${node} to ${track} is over: ${reason}`);
    },
    holds: () => unserved() === null,
    finish() {
      const problem = unserved();
      if (problem !== null) throw new Violation(guarantee.id, problem);
    },
  };
}
