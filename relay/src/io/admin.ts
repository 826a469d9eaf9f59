import type { RelayCore } from '../core/index.js';

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
  };
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
