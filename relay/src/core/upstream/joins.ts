import { compareLocations, type FetchRange, type Location, type Vi64 } from '@higgins/protocol';
import { BEFORE_ALL } from '../locations.js';
import type { RelayContext } from '../relay-context.js';
import { wheelTimer } from '../timer-wheel.js';
import type { Track } from '../track.js';
import { deliverHeld } from './accept.js';
import { Fill } from './fill.js';
import { recover } from './recovery.js';
import type { Source } from './source.js';
import { cancelSource, RETRY_MS_MIN, retryLater } from './sources.js';

/** Subscribers have everything up to there, and miss what comes behind it; null: there are none. */
export function missedSince(track: Track): Location | null {
  return track.subscriptions.size > 0 ? (track.largest ?? BEFORE_ALL) : null;
}

/** The FETCH that brings what the track holds already, and what subscribers have missed above `recoverAbove`. */
export function openJoin(context: RelayContext, source: Source, recoverAbove: Location | null): void {
  const { track, peer } = source;
  if (source.join !== null) return;
  const newestOnly = track.policy.shape === 'state' || recoverAbove === null;
  const range: FetchRange = newestOnly
    ? { kind: 'relative-joining', subscription: source.request, groupsBack: 0 }
    : { kind: 'absolute-joining', subscription: source.request, startGroup: recoverAbove.group };
  const request = peer.session.fetch(range, {});
  const position = range.kind === 'absolute-joining' ? { group: range.startGroup, object: 0 } : null;
  const join = new Fill(track, peer, request, { source, position, recoverAbove });
  source.join = join;
  track.fills.add(join);
  peer.requests.set(request, join);
  context.counters.upstreamFetches++;
  if (recoverAbove === null) return;
  source.recovers = true;
  source.held = [];
  // A publisher that never answers must not hold up what comes live. Those of Higgins tracks do, and order counts there.
  const patient = wheelTimer(() => {
    if (track.policy.shape === null) deliverHeld(context, source);
  });
  context.timers.schedule(patient, context.nowMs + context.limits.fillMsMax);
}

/**
 * Another source is further than those that subscribers were admitted by: what it has above `above` is due to them too,
 * whether it came before its SUBSCRIBE_OK or comes yet.
 */
export function recoverFrom(context: RelayContext, source: Source, above: Location): void {
  const { track, join } = source;
  if (source.recovers) return;
  source.recovers = true;
  if (join !== null) {
    join.recoverAbove = above;
    source.held = [];
  }
  for (const { objects } of [...track.cache.groups]) {
    for (const object of [...objects]) if (compareLocations(object, above) > 0) recover(context, track, object);
  }
}

/**
 * The upstream reset a Group in its middle, and sends no more of it to this subscription: another one, with its joining
 * FETCH, brings the rest. Of a state only the newest Group is worth that. Foreign publishers may mean to leave objects
 * out (draft-18 §11.4.3), so their resets stand.
 */
export function resumeSource(context: RelayContext, source: Source, group: Vi64): void {
  const { track } = source;
  const { shape } = track.policy;
  if (shape === null || !source.forwarding || track.sources.get(source.peer) !== source) return;
  if (track.newestIsState && track.largest !== null && group < track.largest.group) return;
  if (source.origin === 'publish') {
    openJoin(context, source, missedSince(track));
    context.touch(source.peer);
    return;
  }
  cancelSource(context, source);
  track.resets++;
  retryLater(context, track, RETRY_MS_MIN * 2 ** Math.min(track.resets, 6));
}
