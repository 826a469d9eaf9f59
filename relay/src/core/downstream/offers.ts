import { PublishDoneCode, type PublishOk, RequestError } from '@higgins/protocol';
import type { TrackInterest } from '../discovery/interests.js';
import type { Peer } from '../peer.js';
import type { RelayContext } from '../relay-context.js';
import type { Track } from '../track.js';
import { releaseTrack } from '../tracks.js';
import { raiseForward } from '../upstream/publish.js';
import { Subscription } from './subscription.js';
import { endSubscription, enterSubscription, subscriptionTimeUp } from './subscriptions.js';

/**
 * PUBLISHes sent to one peer within a millisecond: only when its session has been pumped does the driver tell whether
 * there is stream credit left for more.
 */
const OFFERS_PER_TURN_MAX = 16;

/**
 * Sends a PUBLISH of the track to everyone who asked for such tracks and does not have it (draft-18 §9.5), and to the
 * upstream if a client publishes it.
 */
export function offerToAll(context: RelayContext, track: Track): void {
  for (const interest of context.interests.tracksAt(track.name.namespace))
    offer(context, interest.peer, track, interest);
  if (!publishedByClient(track)) return;
  for (const upstream of context.upstreams) offer(context, upstream, track, null);
}

/** The peer asks for tracks under a prefix: it gets those that have a publisher. */
export function offerAllUnder(context: RelayContext, interest: TrackInterest): void {
  for (const track of context.tracks.under(interest.prefix)) {
    if (!track.hasEstablishedSource) continue;
    offer(context, interest.peer, track, interest);
    raiseForward(context, track);
  }
}

/** An upstream is there: it gets the tracks that clients publish. */
export function offerAllTo(context: RelayContext, upstream: Peer): void {
  for (const track of context.tracks) if (publishedByClient(track)) offer(context, upstream, track, null);
}

/** Goes on with what was put off. */
export function offerMore(context: RelayContext, peer: Peer): void {
  peer.offersThisTurn = 0;
  for (const [track, interest] of peer.offers) {
    if (peer.offersThisTurn >= OFFERS_PER_TURN_MAX) break;
    peer.offers.delete(track);
    send(context, peer, track, interest);
    raiseForward(context, track);
  }
  if (peer.offersThisTurn > 0) context.timers.schedule(peer.offerTimer, context.nowMs);
}

/** PUBLISH_OK: the subscription is as the peer wants it, and what came since the PUBLISH is sent. */
export function offerAccepted(context: RelayContext, subscription: Subscription, ok: PublishOk): void {
  const { track, joining } = subscription;
  context.timers.cancel(subscription.timer);
  const held = subscription.forward;
  subscription.pending = false;
  subscription.parameters = ok;
  subscription.applyFilter(ok.filter, joining);
  const refusal = subscription.refusalOf(ok.filter);
  if (refusal !== null) {
    endSubscription(context, subscription, PublishDoneCode.SUBSCRIPTION_ENDED, refusal.reason);
    return;
  }
  if (subscription.forward && held) track.fanOut.release(subscription);
  else if (subscription.forward) {
    subscription.joining = track.largest;
    track.fanOut.join(subscription);
  } else track.fanOut.leave(subscription, 0);
  raiseForward(context, track);
  releaseTrack(context, track);
}

/** Ends PUBLISHes of ours of a track that nobody publishes any more, other than the receiver itself. */
export function endOrphans(context: RelayContext, track: Track): void {
  for (const subscription of [...track.subscriptions]) {
    if (subscription.initiator !== 'publisher' || publishedFor(track, subscription.peer)) continue;
    endSubscription(context, subscription, PublishDoneCode.INTERNAL_ERROR, 'publisher is gone');
  }
}

function offer(context: RelayContext, peer: Peer, track: Track, interest: TrackInterest | null): void {
  if (!publishedFor(track, peer) || peer.subscriptionsByTrack.has(track.name.key)) return;
  if (peer.offersThisTurn < OFFERS_PER_TURN_MAX) send(context, peer, track, interest);
  else {
    peer.offers.set(track, interest);
  }
}

function send(context: RelayContext, peer: Peer, track: Track, interest: TrackInterest | null): void {
  if (!peer.usable || context.draining || !publishedFor(track, peer)) return;
  if (peer.subscriptionsByTrack.has(track.name.key)) return;
  if (interest !== null && !stillDue(context, interest, track)) return;
  const forward = interest?.forward ?? false;
  const alias = peer.session.trackAlias(track.alias);
  const { largest, properties } = track;
  const told = { ...(largest === null ? {} : { largest }), ...(forward ? {} : { forward }) };
  let request: number;
  try {
    request = peer.session.publish(track.name, alias, told, properties.length > 0 ? properties : undefined);
  } catch (error) {
    // The peer's own SUBSCRIBE is on its way to us: it goes on with that (draft-18 §9.5).
    if (error instanceof RequestError) return;
    throw error;
  }
  if (peer.offersThisTurn++ === 0) context.timers.schedule(peer.offerTimer, context.nowMs);
  context.counters.publishesSent++;
  const subscription = new Subscription(peer, request, 'publisher', track, { forward }, (due) =>
    subscriptionTimeUp(context, due),
  );
  subscription.alias = alias;
  subscription.joining = largest;
  subscription.pending = true;
  peer.requests.set(request, subscription);
  enterSubscription(context, subscription);
  context.timers.schedule(subscription.timer, context.nowMs + context.limits.behindMsMax);
  track.fanOut.join(subscription);
  context.touch(peer);
}

/** Whether the peer still asks for the track and may have it; one for which there is no stream is told of (draft-18 §6.1). */
function stillDue(context: RelayContext, interest: TrackInterest, { name }: Track): boolean {
  const { peer, request, tokens } = interest;
  if (peer.interests.get(request) !== interest) return false;
  if (!context.authorizer.authorizeSubscribe(peer.principal, name, tokens).allowed) return false;
  const full = peer.subscriptions.size >= context.limits.subscriptionsPerSessionMax;
  if (!full && peer.port.waitingRequests() === 0) return true;
  peer.session.publishBlocked(request, name);
  context.touch(peer);
  return false;
}

/** Whether someone other than the peer publishes the track. */
function publishedFor(track: Track, peer: Peer): boolean {
  for (const source of track.sources.values()) if (source.state === 'established' && source.peer !== peer) return true;
  return false;
}

function publishedByClient(track: Track): boolean {
  for (const { origin, peer } of track.sources.values())
    if (origin === 'publish' && peer.kind === 'client') return true;
  return false;
}
