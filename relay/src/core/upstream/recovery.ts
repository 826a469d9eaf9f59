import { compareLocations, type ReceivedObject } from '@higgins/protocol';
import type { CachedObject } from '../cache/cached-object.js';
import type { SubgroupFeed } from '../downstream/live-subgroup.js';
import type { RelayContext } from '../relay-context.js';
import type { Track } from '../track.js';
import { expired, readObject, store } from './accept.js';
import type { Fill } from './fill.js';

/** An object that a FETCH of ours has brought. It is forwarded only if subscribers have missed it. */
export function acceptFetched(context: RelayContext, fill: Fill, received: ReceivedObject, receivedMs: number): void {
  const { track, recoverAbove } = fill;
  fill.passObject(received);
  const object = readObject(context, track, received, receivedMs, false);
  if (store(context, fill, object) !== 'added') return;
  if (track.policy.shape === 'state') track.cache.endGroup(object.group, object.object, context.nowMs);
  if (recoverAbove === null || compareLocations(object, recoverAbove) <= 0) return;
  if (track.policy.shape === 'state') {
    if (fill.newest === null || compareLocations(object, fill.newest) > 0) fill.newest = object;
  } else {
    recover(context, track, object);
  }
}

/** Forwards an object that subscribers have missed while the upstream was away. */
export function recover(context: RelayContext, track: Track, object: CachedObject): void {
  const newest = track.fanOut.newest;
  // Of a state only the newest counts; anything else is due to everyone, in whichever order it comes.
  if (track.policy.shape === 'state' && newest !== null && newest.group >= object.group) return;
  if (expired(context, object)) return;
  if (object.subgroup === null) {
    track.fanOut.forwardDatagram(object, false);
    context.counters.recovered++;
    return;
  }
  const known = track.fanOut.live(object.group, object.subgroup);
  const feed = known?.feed ?? fetchedFeed(object, track);
  const live = track.fanOut.forward(object, feed);
  context.counters.recovered++;
  if (live !== null && track.policy.shape === 'state') track.fanOut.end(live);
  else if (live !== null) live.fedBy = null;
}

function fetchedFeed(object: CachedObject, track: Track): SubgroupFeed {
  return {
    group: object.group,
    subgroup: object.subgroup,
    priority: object.priority,
    endOfGroup: track.policy.shape === 'state',
    firstObject: object.object === 0,
    hasProperties: true,
    firstReceived: object.object,
    lastReceived: object.object,
    previousReceived: null,
    incomplete: false,
    live: null,
  };
}
