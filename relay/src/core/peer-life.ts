import { offerAllTo } from './downstream/offers.js';
import { dropSubscription } from './downstream/subscriptions.js';
import type { Peer } from './peer.js';
import type { RelayContext } from './relay-context.js';
import { wheelTimer } from './timer-wheel.js';
import { dropQuery, statusRefused } from './track-status.js';
import { dropFill } from './upstream/fills.js';
import { ensureSources, leaveOldUpstreams, sourceGone } from './upstream/sources.js';

/** Tracks that a new upstream is asked for in one turn: some milliseconds of work. The others follow a millisecond later. */
const TRACKS_PER_TURN_MAX = 256;

/** The session is up and let in. An upstream is asked for everything that is wanted, and told what is announced here. */
export function peerAdmitted(context: RelayContext, peer: Peer): void {
  peer.admitted = true;
  if (peer.kind === 'client') return;
  context.counters.upstreamConnects++;
  context.upstreamUp();
  for (const other of context.upstreams) if (other !== peer) other.leaving = true;
  context.announcements.passAll(context, peer);
  context.upstreamInterests.passAll(context, peer);
  offerAllTo(context, peer);
  askForTracks(context, peer);
}

/**
 * GOAWAY from a peer: nothing new is asked of it. An upstream is replaced, by what is at `newSessionUri` if it names one,
 * and serves until its session ends.
 */
export function peerLeaving(context: RelayContext, peer: Peer, newSessionUri: string): void {
  if (peer.leaving) return;
  peer.leaving = true;
  if (peer.kind === 'upstream') context.upstreamLeaving(newSessionUri);
}

/**
 * The session is over: what the peer asked for is forgotten, what it announced is withdrawn. What it published stays,
 * and its subscribers go on waiting for the next publisher.
 */
export function closePeer(context: RelayContext, peer: Peer): void {
  const { admitted, leaving } = peer;
  peer.leaving = true;
  context.timers.cancel(peer.resumeTimer);
  context.timers.cancel(peer.offerTimer);
  for (const announcement of [...peer.announcements.values()]) context.announcements.remove(context, announcement);
  for (const subscription of [...peer.subscriptions.values()]) dropSubscription(context, subscription);
  for (const response of [...peer.fetches.values()]) response.drop();
  for (const query of [...peer.statusQueries.values()]) dropQuery(context, query);
  for (const interest of [...peer.interests.values()]) context.interests.remove(context, interest);
  peer.offers.clear();
  context.announcements.forgetUpstream(peer);
  context.upstreamInterests.forgetUpstream(context, peer);
  const requests = [...peer.requests.values()];
  peer.requests.clear();
  for (const own of requests) {
    if (own.kind === 'status')
      statusRefused(context, own, { code: null, reason: 'publisher is gone', retryIntervalMs: 1_000 });
    else if (own.kind === 'fill') dropFill(context, own);
  }
  for (const own of requests) {
    if (own.kind !== 'source') continue;
    sourceGone(context, own);
  }
  if (peer.kind !== 'upstream') return;
  if (!admitted) context.upstreamNotReached();
  else if (!leaving) {
    context.counters.upstreamLosses++;
    context.upstreamLost();
  }
}

/** Asks for everything that is wanted, in portions. What is subscribed to meanwhile is asked for by itself. */
function askForTracks(context: RelayContext, peer: Peer): void {
  const tracks = context.tracks[Symbol.iterator]();
  const goOn = () => {
    for (let asked = 0; asked < TRACKS_PER_TURN_MAX && peer.usable; asked++) {
      const { done, value: track } = tracks.next();
      if (done) {
        leaveOldUpstreams(context);
        return;
      }
      context.timers.cancel(track.retryTimer);
      ensureSources(context, track);
    }
    if (peer.usable) context.timers.schedule(turn, context.nowMs);
  };
  const turn = wheelTimer(goOn);
  goOn();
}
