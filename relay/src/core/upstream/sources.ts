import {
  compareLocations,
  PublishDoneCode,
  type RequestErrorInfo,
  SessionTerminationCode,
  type SubscribeOk,
  type Vi64,
} from '@higgins/protocol';
import { offerToAll } from '../downstream/offers.js';
import type { Subscription } from '../downstream/subscription.js';
import { admitWaiting, endSubscription, rejectWaiting } from '../downstream/subscriptions.js';
import type { Peer } from '../peer.js';
import type { RelayContext } from '../relay-context.js';
import type { Track } from '../track.js';
import { releaseTrack } from '../tracks.js';
import { deliverHeld, lostFeeds } from './accept.js';
import { dropFill, takeEarly } from './fills.js';
import { missedSince, openJoin, recoverFrom } from './joins.js';
import { raiseForward } from './publish.js';
import { Source } from './source.js';

/** The first retry of a failed upstream SUBSCRIBE comes after so long, later ones after twice as long each. */
export const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 15_000;

/**
 * Subscribes to the track wherever it comes from and is not subscribed to yet: at every session that announces a
 * prefix of its namespace, and at the upstream, if there is someone to whom it is not the upstream itself.
 */
export function ensureSources(context: RelayContext, track: Track): void {
  if (!track.wanted) return;
  for (const peer of publishersOf(context, track)) if (!track.sources.has(peer)) openSource(context, track, peer);
}

/** The sessions that the track's objects may come from, for a subscriber or a fetch of any of `track`'s. */
export function publishersOf(context: RelayContext, track: Track, asker: Peer | null = null): Set<Peer> {
  const found = new Set<Peer>();
  for (const announcement of context.announcements.covering(track.name.namespace)) {
    if (announcement.peer.usable && announcement.peer !== asker) found.add(announcement.peer);
  }
  for (const { peer, origin } of track.sources.values()) {
    if (origin === 'publish' && peer.usable && peer !== asker) found.add(peer);
  }
  for (const peer of context.upstreams) {
    if (!peer.usable || peer === asker) continue;
    if (asker !== null || hasOtherSubscriber(track, peer)) found.add(peer);
  }
  return found;
}

/** Whether an established upstream subscription may serve `subscription`: it is live if need be, and leads not back. */
export function isServed({ track, peer, forward }: Subscription): boolean {
  for (const source of track.sources.values()) {
    if (forward ? !source.live : source.state !== 'established') continue;
    if (source.peer !== peer || peer.kind === 'client') return true;
  }
  return false;
}

/** SUBSCRIBE_OK. */
export function sourceEstablished(context: RelayContext, source: Source, ok: SubscribeOk): void {
  const { track } = source;
  source.state = 'established';
  track.failures = 0;
  const missed = missedSince(track);
  track.adopt(ok.trackProperties, ok.largest);
  if (missed !== null && ok.largest !== undefined && compareLocations(missed, ok.largest) < 0) {
    recoverFrom(context, source, missed);
  }
  if (source.join !== null) takeEarly(context, source.join);
  if (source.held !== null && track.policy.shape === 'state') deliverHeld(context, source);
  admitWaiting(context, track);
  context.timers.cancel(track.orphanTimer);
  offerToAll(context, track);
  raiseForward(context, track);
  if (!track.wanted) releaseTrack(context, track);
}

/** REQUEST_ERROR, to the SUBSCRIBE. */
export function sourceRefused(context: RelayContext, source: Source, error: RequestErrorInfo): void {
  const { track } = source;
  removeSource(context, source);
  if (track.sources.size === 0) {
    rejectWaiting(context, track, error);
  }
  // Also beside other sources: a publisher may come there that is not here.
  retryLater(context, track, error.retryIntervalMs);
}

/** PUBLISH_DONE: the publisher's last word on the subscription. */
export function sourceDone(context: RelayContext, source: Source, code: number, reason: string): void {
  const { track } = source;
  removeSource(context, source);
  const final = code === PublishDoneCode.TRACK_ENDED || code === PublishDoneCode.MALFORMED_TRACK;
  if (final && track.sources.size === 0) {
    if (code === PublishDoneCode.TRACK_ENDED) track.fanOut.endAll();
    for (const subscription of [...track.subscriptions]) endSubscription(context, subscription, code, reason);
  }
  retryLater(context, track, null);
}

/** Its publisher has given it up without a word: others are asked. */
export function sourceGone(context: RelayContext, source: Source): void {
  const { track } = source;
  removeSource(context, source);
  ensureSources(context, track);
  if (track.sources.size === 0) retryLater(context, track, null);
}

/** Takes a new upstream subscription on record. */
export function addSource(context: RelayContext, source: Source): void {
  const { track, peer, request, origin } = source;
  track.sources.set(peer, source);
  peer.requests.set(request, source);
  context.counters.upstreamSubscriptions++;
  if (origin === 'subscribe') return;
  peer.publications++;
  context.timers.cancel(track.orphanTimer);
}

/** The session is over, or the subscription of no use any more: values stay, and nothing ends downstream. */
export function removeSource(context: RelayContext, source: Source): void {
  const { track, peer, request } = source;
  if (track.sources.get(peer) !== source) return;
  track.sources.delete(peer);
  peer.requests.delete(request);
  context.counters.upstreamSubscriptions--;
  if (source.origin === 'publish') peer.publications--;
  if (track.subscriptions.size > 0) context.timers.schedule(track.orphanTimer, context.nowMs + context.limits.lingerMs);
  deliverHeld(context, source);
  lostFeeds(source);
  if (source.join !== null) dropFill(context, source.join);
  if (!track.wanted) releaseTrack(context, track);
}

/** Cancels one upstream subscription. */
export function cancelSource(context: RelayContext, source: Source): void {
  source.cancel();
  context.touch(source.peer);
  removeSource(context, source);
}

/**
 * Nobody takes the track's objects: SUBSCRIBEs of ours end. Publishers that offer it stay, and send nothing until they
 * are asked to; those of an upstream that nobody here is interested in any more do not.
 */
export function restSources(context: RelayContext, track: Track): void {
  context.timers.cancel(track.lingerTimer);
  for (const source of [...track.sources.values()]) {
    const { origin, peer, forwarding } = source;
    const offered = peer.kind === 'client' || context.upstreamInterests.coversTracks(track.name.namespace);
    if (origin === 'subscribe' || !offered) cancelSource(context, source);
    else if (forwarding) {
      source.update({ forward: false });
      context.touch(peer);
    }
  }
}

/**
 * Leaves upstreams that asked us to go, track by track, as soon as another source has caught up; the session is closed
 * when nothing is left on it.
 */
export function leaveOldUpstreams(context: RelayContext): void {
  for (const peer of context.upstreams) {
    if (!peer.leaving || !hasSuccessor(context, peer)) continue;
    let left = false;
    for (const own of [...peer.requests.values()]) {
      if (own.kind !== 'source') continue;
      if (own.track.wanted && !hasCaughtUp(own.track, peer)) left = true;
      else cancelSource(context, own);
    }
    if (left) continue;
    peer.session.close(SessionTerminationCode.NO_ERROR, 'moved to another relay');
    context.touch(peer);
  }
}

function hasSuccessor(context: RelayContext, old: Peer): boolean {
  for (const peer of context.upstreams) if (peer !== old && peer.usable) return true;
  return false;
}

function hasCaughtUp(track: Track, old: Peer): boolean {
  for (const source of track.sources.values()) {
    if (source.peer !== old && source.state === 'established' && source.join === null) return true;
  }
  return false;
}

/** Passes a NEW_GROUP_REQUEST on where the draft asks for it (draft-18 §10.2.13). */
export function requestNewGroup(context: RelayContext, track: Track, group: Vi64): void {
  if (!track.policy.dynamicGroups) return;
  if (group !== 0 && track.largest !== null && group <= track.largest.group) return;
  for (const source of track.sources.values()) {
    if (source.state !== 'established') continue;
    if (source.newGroupRequested !== null && source.newGroupRequested >= group) continue;
    source.newGroupRequested = group;
    source.update({ newGroupRequest: group });
    context.touch(source.peer);
  }
}

/** Tries again after a while that grows with every failure in a row. */
export function retryLater(context: RelayContext, track: Track, atLeastMs: number | null): void {
  if (!track.wanted || track.retryTimer.slot !== null) return;
  const backoffMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(track.failures, 10));
  track.failures++;
  const delayMs = Math.max(backoffMs, Math.min(atLeastMs ?? 0, RETRY_MS_MAX)) * (0.5 + context.random());
  context.timers.schedule(track.retryTimer, context.nowMs + delayMs);
}

function openSource(context: RelayContext, track: Track, peer: Peer): void {
  const { session } = peer;
  const rendezvousTimeoutMs = peer.kind === 'upstream' ? patience(context, track) : 0;
  const request = session.subscribe(track.name, {
    filter: { kind: 'largest-object' },
    ...(rendezvousTimeoutMs > 0 ? { rendezvousTimeoutMs } : {}),
    ...newGroupWish(track),
  });
  const source = new Source(track, peer, request, 'subscribe');
  addSource(context, source);
  context.counters.upstreamSubscribes++;
  openJoin(context, source, missedSince(track));
  context.touch(peer);
}

/** How long those that wait will wait, at most; a track with subscribers waits for its publisher as long as it can. */
function patience(context: RelayContext, track: Track): number {
  const { rendezvousMsMax } = context.limits;
  if (track.subscriptions.size > 0) return rendezvousMsMax;
  let longest = 0;
  for (const { parameters } of track.waiting) longest = Math.max(longest, Number(parameters.rendezvousTimeoutMs ?? 0));
  return Math.min(longest, rendezvousMsMax);
}

/** NEW_GROUP_REQUEST of those that wait (draft-18 §10.2.13). */
export function newGroupWish(track: Track): { newGroupRequest?: Vi64 } {
  for (const { parameters } of track.waiting) {
    if (parameters.newGroupRequest !== undefined) return { newGroupRequest: parameters.newGroupRequest };
  }
  return {};
}

function hasOtherSubscriber(track: Track, peer: Peer): boolean {
  for (const subscription of track.subscriptions) if (subscription.peer !== peer) return true;
  for (const subscription of track.waiting) if (subscription.peer !== peer) return true;
  return false;
}
