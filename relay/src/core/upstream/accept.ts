import { compareLocations, PublishDoneCode, type ReceivedObject, StreamResetCode } from '@higgins/protocol';
import { type CachedObject, costOf } from '../cache/cached-object.js';
import { failFetches } from '../downstream/fetch-response.js';
import type { LiveSubgroup, SubgroupFeed } from '../downstream/live-subgroup.js';
import { endSubscription } from '../downstream/subscriptions.js';
import { laterOrNull } from '../locations.js';
import { type ObjectTimes, readObjectTimes } from '../properties.js';
import type { RelayContext } from '../relay-context.js';
import type { Track } from '../track.js';
import type { Fill } from './fill.js';
import { dropFill } from './fills.js';
import type { Source } from './source.js';
import { cancelSource } from './sources.js';

const times: ObjectTimes = { ttlMs: 0, ageMs: 0, publishTimeMs: null };

/** An object of a live stream. */
export function acceptLive(context: RelayContext, source: Source, feed: SubgroupFeed, received: ReceivedObject): void {
  feed.subgroup = received.subgroup;
  const object = readObject(context, source.track, received, context.nowMs, true);
  if (source.held === null) {
    take(context, source, object, feed);
    return;
  }
  source.held.push({ kind: 'object', object, feed });
  source.heldBytes += costOf(object);
  if (source.heldBytes > context.limits.resumeHoldBytesMax) deliverHeld(context, source);
}

/** An object that came as a datagram; what is being recovered does not hold it up. */
export function acceptDatagram(
  context: RelayContext,
  source: Source,
  received: ReceivedObject,
  endOfGroup: boolean,
): void {
  const { track } = source;
  const object = readObject(context, track, received, context.nowMs, true);
  if (store(context, source, object) !== 'added') return;
  if (endOfGroup || object.status !== 'normal') endHere(context, track, object);
  track.fanOut.forwardDatagram(object, endOfGroup);
}

/** FIN of a live stream: all objects of the Subgroup have come. */
export function endLive(context: RelayContext, source: Source, feed: SubgroupFeed): void {
  if (source.held !== null) {
    source.held.push({ kind: 'end', feed });
    return;
  }
  const { live } = feed;
  const { cache, fanOut } = source.track;
  source.track.resets = 0;
  if (!endCached(context, source, feed)) return;
  // A stream that had nothing new may still be the end of what another one began.
  const begun = live ?? (feed.subgroup === null ? null : fanOut.live(feed.group, feed.subgroup));
  if (begun !== null && isThrough(begun, feed)) {
    if (feed.incomplete) fanOut.reset(begun, StreamResetCode.DELIVERY_TIMEOUT);
    else fanOut.end(begun);
  }
  const group = cache.group(feed.group);
  if (group !== null) cache.settle(group, context.nowMs);
}

/** Forwards what waited for a recovery, in the order it came. */
export function deliverHeld(context: RelayContext, source: Source): void {
  const { held } = source;
  if (held === null) return;
  source.held = null;
  source.heldBytes = 0;
  for (const item of held) {
    // One of them may show it.
    if (source.malformed) return;
    if (item.kind === 'end') endLive(context, source, item.feed);
    else take(context, source, item.object, item.feed);
  }
}

/** The streams of a lost subscription end without a FIN; what they fed waits for the rest from elsewhere. */
export function lostFeeds(source: Source): void {
  for (const feed of source.feeds.values()) lostFeed(feed);
  source.feeds.clear();
}

export function lostFeed(feed: SubgroupFeed): void {
  if (feed.live?.fedBy === feed) feed.live.fedBy = null;
  feed.live = null;
}

/**
 * The track contradicts itself: its subscriptions and fetches end visibly, and what `from` brings is cancelled
 * (draft-18 §2.4.2).
 */
export function malformed(context: RelayContext, from: Source | Fill, track: Track, reason: string): void {
  context.counters.malformedTracks++;
  for (const subscription of [...track.subscriptions]) {
    endSubscription(context, subscription, PublishDoneCode.MALFORMED_TRACK, reason);
  }
  failFetches(track);
  const source = from.kind === 'source' ? from : from.source;
  if (source !== null) {
    source.malformed = true;
    cancelSource(context, source);
  }
  if (from.kind === 'fill') dropFill(context, from);
}

function take(context: RelayContext, source: Source, object: CachedObject, feed: SubgroupFeed): void {
  const { track } = source;
  feed.firstReceived ??= object.object;
  feed.previousReceived = feed.lastReceived;
  feed.lastReceived = object.object;
  const stored = store(context, source, object);
  if (stored !== 'added') {
    if (stored === 'dropped') feed.incomplete = true;
    return;
  }
  if (source.newGroupRequested !== null && object.group >= source.newGroupRequested) source.newGroupRequested = null;
  if (object.subgroup !== null)
    track.cache.group(object.group)?.noteLive(object.subgroup, object.priority, object.object);
  if (object.status !== 'normal') endHere(context, track, object);
  feed.live = track.fanOut.forward(object, feed);
  if (feed.live === null) context.counters.dropped++;
}

/** Checks an object against what is known and caches it. Only one that was added may be forwarded. */
export function store(context: RelayContext, from: Source | Fill, object: CachedObject): 'added' | 'known' | 'dropped' {
  const { track } = from;
  const { cache } = track;
  const { counters } = context;
  counters.objectsReceived++;
  counters.bytesReceived += object.payload.length;
  const insertion = contradicts(track, object) ? 'conflict' : cache.probe(object);
  if (insertion === 'conflict') {
    malformed(context, from, track, `object ${object.group}/${object.object} contradicts an earlier one`);
    return 'dropped';
  }
  // What a FETCH brings counts only where no subscription tells how far the track is.
  if (from.kind === 'source' || !track.hasLiveSource) track.largest = laterOrNull(track.largest, place(object));
  if (insertion === 'duplicate') {
    counters.duplicates++;
    // The time that a Higgins object was held is counted from its first copy: another one's age does not fit that.
    if (track.policy.shape === null) cache.refresh(object);
    return 'known';
  }
  if (insertion === 'absent') {
    counters.dropped++;
    return 'dropped';
  }
  if (expired(context, object)) {
    counters.dropped++;
    // A map's group counts as long as its newest object, and without its snapshot it is worth nothing.
    if (track.policy.shape === 'map') {
      cache.insert(object);
      return 'dropped';
    }
    // It still takes the place of what came before it.
    if (track.newestIsState) cache.dropBefore(object.group);
    return 'dropped';
  }
  cache.insert(object);
  if (track.policy.shape === null) track.gaps.note(object, cache);
  return 'added';
}

/** Whether the object stands where none can, by the track's end and by the gaps that its publisher has declared. */
function contradicts(track: Track, object: CachedObject): boolean {
  const { end, largest, policy, gaps, cache } = track;
  if (end !== null) {
    const order = compareLocations(object, end);
    if (order > 0 || (order === 0 && object.status !== 'end-of-track')) return true;
  }
  if (object.status === 'end-of-track' && largest !== null && compareLocations(largest, object) > 0) return true;
  // Writers of Higgins tracks declare no gaps.
  return policy.shape === null && gaps.contradicts(object, cache);
}

export function readObject(
  context: RelayContext,
  track: Track,
  received: ReceivedObject,
  receivedMs: number,
  live: boolean,
): CachedObject {
  const { shape, maxCacheDurationMs } = track.policy;
  let lifetimeMs = maxCacheDurationMs;
  if (shape !== null) {
    readObjectTimes(received.properties, times);
    lifetimeMs = Math.min(lifetimeMs, times.ttlMs - times.ageMs);
    if (live && times.publishTimeMs !== null) {
      context.counters.observePropagation(receivedMs + context.wallOffsetMs - times.publishTimeMs);
    }
  }
  const { group, subgroup, object, status, priority, properties, payload } = received;
  return {
    ...{ group, subgroup, object, status, priority, properties, payload },
    receivedMs,
    expiresMs: receivedMs + lifetimeMs,
  };
}

/** Whether all that is on the stream has been forwarded, or the stream says of one that nobody feeds that it is over. */
function isThrough(live: LiveSubgroup, { lastReceived }: SubgroupFeed): boolean {
  return lastReceived === null ? live.fedBy === null : live.lastObject >= lastReceived || live.fedBy === null;
}

/** The last object on a stream with a FIN is the Subgroup's last; false if that contradicts what came before. */
function endCached(context: RelayContext, source: Source, feed: SubgroupFeed): boolean {
  const { track } = source;
  const { subgroup, lastReceived: lastObject } = feed;
  const group = track.cache.group(feed.group);
  if (subgroup === null || lastObject === null || group === null) return true;
  const ended = group.subgroups.get(subgroup);
  const last = group.objects.at(-1);
  const isOther =
    ended !== undefined &&
    (ended.largestObject > lastObject || (ended.finalObject !== null && ended.finalObject !== lastObject));
  if (isOther || (feed.endOfGroup && last !== undefined && last.object > lastObject)) {
    malformed(context, source, track, `object ${feed.group}/${lastObject} ends what goes on behind it`);
    return false;
  }
  if (ended !== undefined) {
    ended.ended = true;
    ended.finalObject = lastObject;
  }
  if (feed.endOfGroup) track.cache.endGroup(feed.group, lastObject, context.nowMs);
  return true;
}

/** Nothing exists behind the object in its Group, or in the track. */
function endHere(context: RelayContext, track: Track, object: CachedObject): void {
  track.cache.endGroup(object.group, object.object, context.nowMs);
  if (object.status === 'end-of-track') track.end = place(object);
}

export function expired(context: RelayContext, object: CachedObject): boolean {
  return context.nowMs >= object.expiresMs;
}

function place({ group, object }: CachedObject) {
  return { group, object };
}
