import type { Location, Notice, ReceivedObject, RequestErrorInfo } from '@higgins/protocol';
import { type FetchResponse, resumeFetches } from '../downstream/fetch-response.js';
import { inclusiveEnd, wireEnd } from '../locations.js';
import type { Peer } from '../peer.js';
import type { RelayContext } from '../relay-context.js';
import type { Track } from '../track.js';
import { releaseTrack } from '../tracks.js';
import { deliverHeld } from './accept.js';
import { Fill } from './fill.js';
import { acceptFetched, recover } from './recovery.js';
import { leaveOldUpstreams, publishersOf } from './sources.js';

/** Which fetches a standalone fill was made for, to tell them why it failed. */
const askers = new WeakMap<Fill, FetchResponse>();

/**
 * Asks a publisher of the track, other than the one that asks, for a range; false if there is none. The fetches of the
 * track go on when it is over.
 */
export function fillFor(
  context: RelayContext,
  track: Track,
  asker: Peer,
  start: Location,
  last: Location,
  response: FetchResponse,
): boolean {
  const [peer] = publishersOf(context, track, asker);
  if (peer === undefined) return false;
  const range = { kind: 'standalone' as const, name: track.name, start, end: wireEnd(last) };
  const request = peer.session.fetch(range, {});
  const fill = new Fill(track, peer, request, { source: null, position: start, recoverAbove: null });
  askers.set(fill, response);
  track.fills.add(fill);
  peer.requests.set(request, fill);
  context.counters.upstreamFetches++;
  context.touch(peer);
  return true;
}

/** FETCH_OK. */
export function fillAccepted(context: RelayContext, fill: Fill, { ok }: Extract<Notice, { kind: 'fetch-ok' }>): void {
  const { track } = fill;
  // Only where no subscription tells more of the track.
  if (!track.hasLiveSource) track.adopt(ok.trackProperties, undefined);
  takeEarly(context, fill);
  fill.setEnd(ok.end, ok.endOfTrack);
  askers.get(fill)?.fillEnds(inclusiveEnd(ok.end));
  if (fill.ended) fillOver(context, fill);
}

/** An object of the data stream. */
export function fillObject(context: RelayContext, fill: Fill, object: ReceivedObject): void {
  if (fill.informed) {
    acceptFetched(context, fill, object, context.nowMs);
    // What is being waited for goes on at once, object by object.
    if (fill.track.fetches.size > 0) resumeFetches(fill.track);
    return;
  }
  fill.early.push({ kind: 'object', object, receivedMs: context.nowMs });
  fill.earlyBytes += object.payload.length + object.properties.length;
  if (fill.earlyBytes > context.limits.resumeHoldBytesMax) takeEarly(context, fill);
}

/** A range that does not exist, or is unknown to the publisher. */
export function fillRange(fill: Fill, end: Location, unknown: boolean): void {
  if (fill.informed) fill.passRange(end, unknown);
  else fill.early.push({ kind: 'range-end', end, unknown });
}

/** What came too early is understood now. */
export function takeEarly(context: RelayContext, fill: Fill): void {
  const early = fill.early;
  fill.early = [];
  fill.earlyBytes = 0;
  for (const item of early) {
    if (item.kind === 'object') acceptFetched(context, fill, item.object, item.receivedMs);
    else fill.passRange(item.end, item.unknown);
  }
}

/** The data stream has ended with a FIN. */
export function fillEnded(context: RelayContext, fill: Fill): void {
  // Without FETCH_OK the end of the range is not known yet.
  fill.finish();
  if (fill.end !== null) fillOver(context, fill);
}

/** REQUEST_ERROR, or the stream was reset: what has come counts, the rest stays unknown. */
export function fillFailed(context: RelayContext, fill: Fill, error: RequestErrorInfo): void {
  takeEarly(context, fill);
  askers.get(fill)?.fillFailed(error);
  fillOver(context, fill);
}

/** Gives it up. */
export function dropFill(context: RelayContext, fill: Fill): void {
  if (!fill.track.fills.has(fill)) return;
  if (fill.peer.requests.has(fill.request)) {
    fill.peer.session.cancel(fill.request);
    context.touch(fill.peer);
  }
  fillOver(context, fill);
}

function fillOver(context: RelayContext, fill: Fill): void {
  const { track, source } = fill;
  if (!track.fills.delete(fill)) return;
  fill.peer.requests.delete(fill.request);
  if (fill.newest !== null) recover(context, track, fill.newest);
  if (source !== null && source.join === fill) {
    source.join = null;
    deliverHeld(context, source);
    leaveOldUpstreams(context);
  }
  resumeFetches(track);
  releaseTrack(context, track);
}
