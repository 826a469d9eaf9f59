import type { Subscription } from '../core/downstream/subscription.js';
import type { RelayCore } from '../core/index.js';
import type { Peer } from '../core/peer.js';

/** Entries of one answer, so that a large relay does not stall while it writes one. */
const ENTRIES_MAX = 1_000;

/** The admin API: read-only views for operators, newest state at the moment of the request. */
export function relayRoutes(core: RelayCore): Record<string, () => unknown> {
  return {
    '/sessions': () =>
      take(core.peers, (peer) => ({
        id: peer.id,
        kind: peer.kind,
        address: peer.connection.peer.address,
        transport: peer.connection.peer.kind,
        admitted: peer.admitted,
        backlogBytes: peer.connection.backlogBytes() + peer.port.waitingBytes(),
        subscriptions: peer.subscriptions.size,
        fetches: peer.fetches.size,
        announcements: peer.announcements.size,
        interests: peer.interests.size,
        publications: peer.publications,
        requests: peer.requests.size,
        behind: behind(peer.subscriptions.values()),
      })),
    '/tracks': () =>
      take(core.tracks, (track) => ({
        name: track.name.key,
        alias: track.alias,
        shape: track.policy.shape,
        largest: track.largest === null ? null : `${track.largest.group}/${track.largest.object}`,
        cachedGroups: track.cache.groups.length,
        cachedBytes: track.cache.bytes,
        subscriptions: track.subscriptions.size,
        waiting: track.waiting.size,
        upstreamSubscriptions: track.sources.size,
      })),
    '/subscriptions': () =>
      take(behindFirst(core.peers), (subscription) => ({
        session: subscription.peer.id,
        track: subscription.track.name.key,
        initiator: subscription.initiator,
        state: subscription.state,
        forward: subscription.forward,
        behindMs: subscription.behindSinceMs === null ? 0 : core.nowMs - subscription.behindSinceMs,
        missedSubgroups: subscription.missed.length,
      })),
  };
}

/** Every subscription, those that are behind before the others. */
function* behindFirst(peers: Iterable<Peer>): Generator<Subscription> {
  for (const isBehind of [true, false]) {
    for (const { subscriptions } of peers) {
      for (const subscription of subscriptions.values()) {
        if ((subscription.behindSinceMs !== null) === isBehind) yield subscription;
      }
    }
  }
}

function behind(subscriptions: Iterable<{ readonly behindSinceMs: number | null }>): number {
  let count = 0;
  for (const { behindSinceMs } of subscriptions) if (behindSinceMs !== null) count++;
  return count;
}

function take<Item, View>(items: Iterable<Item>, view: (item: Item) => View): { total: number; entries: View[] } {
  const entries: View[] = [];
  let total = 0;
  for (const item of items) if (total++ < ENTRIES_MAX) entries.push(view(item));
  return { total, entries };
}
