import {
  type Notice,
  PublishDoneCode,
  RequestErrorCode,
  type RequestErrorInfo,
  type RequestUpdateParameters,
  StreamResetCode,
  type SubscribeParameters,
} from '@higgins/protocol';
import { passError, reject } from '../answers.js';
import type { Peer } from '../peer.js';
import type { RelayContext } from '../relay-context.js';
import type { Track } from '../track.js';
import { openTrack, releaseTrack } from '../tracks.js';
import { raiseForward } from '../upstream/publish.js';
import { ensureSources, isServed, requestNewGroup } from '../upstream/sources.js';
import { startJoin } from './fetch-requests.js';
import { Subscription } from './subscription.js';

type SubscribeNotice = Extract<Notice, { kind: 'subscribe' }>;

/** SUBSCRIBE from a peer: answered at once where the track has an upstream subscription, else when it gets one. */
export function subscribe(context: RelayContext, peer: Peer, { request, name, parameters }: SubscribeNotice): void {
  context.counters.subscribesReceived++;
  const refusal = refusalOf(context, peer, name.key);
  if (refusal !== null) {
    reject(context, peer, request, refusal.code, refusal.reason, refusal.retryMs);
    return;
  }
  const decision = context.authorizer.authorizeSubscribe(peer.principal, name, parameters.authorizationTokens ?? []);
  if (!decision.allowed) {
    reject(context, peer, request, decision.code, decision.reason);
    return;
  }
  const track = openTrack(context, name);
  if (track === null) {
    reject(context, peer, request, RequestErrorCode.EXCESSIVE_LOAD, 'too many tracks', 10_000);
    return;
  }
  const subscription = new Subscription(peer, request, 'subscriber', track, parameters, (due) =>
    subscriptionTimeUp(context, due),
  );
  enterSubscription(context, subscription);
  if (parameters.newGroupRequest !== undefined) requestNewGroup(context, track, parameters.newGroupRequest);
  ensureSources(context, track);
  raiseForward(context, track);
  admitWaiting(context, track);
  if (subscription.state === 'waiting') wait(context, subscription);
}

/** Takes a new subscription on record: a SUBSCRIBE waits for a publisher, a PUBLISH of ours has one. */
export function enterSubscription(context: RelayContext, subscription: Subscription): void {
  const { peer, request, track, initiator } = subscription;
  peer.subscriptions.set(request, subscription);
  peer.subscriptionsByTrack.set(track.name.key, subscription);
  peer.offers.delete(track);
  if (initiator === 'subscriber') track.waiting.add(subscription);
  else {
    subscription.state = 'established';
    track.subscriptions.add(subscription);
  }
  context.counters.subscriptions++;
  if (track.wanted) context.timers.cancel(track.lingerTimer);
}

/** REQUEST_UPDATE on a subscription. */
export function updateSubscription(
  context: RelayContext,
  subscription: Subscription,
  changes: RequestUpdateParameters,
): void {
  const { peer, request, track } = subscription;
  const wasForwarding = subscription.forward;
  const { conflating, subgroupTimeoutMs } = subscription;
  subscription.parameters = merge(subscription.parameters, changes);
  context.touch(peer);
  if (subscription.state !== 'established') {
    peer.session.acceptUpdate(request);
    return;
  }
  if (changes.filter !== undefined) subscription.applyFilter(changes.filter, track.largest);
  const moved =
    changes.filter !== undefined ||
    conflating !== subscription.conflating ||
    subgroupTimeoutMs !== subscription.subgroupTimeoutMs;
  if (wasForwarding && (moved || !subscription.forward)) track.fanOut.leave(subscription, StreamResetCode.CANCELLED);
  if (!wasForwarding && subscription.forward) {
    subscription.joining = track.largest;
    if (changes.filter === undefined) subscription.applyFilter(subscription.parameters.filter, track.largest);
  }
  if (subscription.forward && (moved || !wasForwarding)) track.fanOut.join(subscription);
  if (changes.subscriberPriority !== undefined) track.fanOut.reprioritize(subscription);
  if (changes.newGroupRequest !== undefined) requestNewGroup(context, track, changes.newGroupRequest);
  peer.session.acceptUpdate(request, track.largest === null ? {} : { largest: track.largest });
  raiseForward(context, track);
  releaseTrack(context, track);
}

/** Answers those that waited for the track, as far as a publisher is there for them. */
export function admitWaiting(context: RelayContext, track: Track): void {
  for (const subscription of [...track.waiting]) {
    if (!isServed(subscription)) continue;
    admit(context, subscription);
  }
}

/** The publisher of those that wait has answered with an error, and nobody else is left to ask. */
export function rejectWaiting(context: RelayContext, track: Track, error: RequestErrorInfo): void {
  const { code, redirect } = error;
  // Waiting makes neither understood what is not, nor comes what is elsewhere.
  const final = code === RequestErrorCode.UNSUPPORTED_EXTENSION || redirect !== undefined;
  for (const subscription of [...track.waiting]) {
    // Who said how long to wait gets that time.
    if (!final && Number(subscription.parameters.rendezvousTimeoutMs ?? 0) > 0) continue;
    passError(context, subscription.peer, subscription.request, withRetry(error));
    forget(context, subscription);
  }
}

/** Ends an established subscription with PUBLISH_DONE; what is not finished on its way is reset. */
export function endSubscription(context: RelayContext, subscription: Subscription, code: number, reason: string): void {
  if (subscription.state !== 'established') return;
  const { peer, request, track } = subscription;
  track.fanOut.leave(subscription, resetCodeFor(code));
  peer.session.publishDone(request, { code, streamCount: subscription.streamsOpened, reason });
  context.touch(peer);
  forget(context, subscription);
}

/** The peer has cancelled, or its session is over. */
export function dropSubscription(context: RelayContext, subscription: Subscription): void {
  if (subscription.state === 'established') subscription.track.fanOut.leave(subscription, StreamResetCode.CANCELLED);
  forget(context, subscription);
}

function admit(context: RelayContext, subscription: Subscription): void {
  const { peer, request, track, parameters } = subscription;
  const { largest } = track;
  const refusal = subscription.refusalOf(parameters.filter);
  if (refusal !== null) {
    refuse(context, subscription, refusal.code, refusal.reason);
    return;
  }
  subscription.applyFilter(parameters.filter, largest);
  track.waiting.delete(subscription);
  context.timers.cancel(subscription.timer);
  subscription.state = 'established';
  subscription.joining = largest;
  subscription.alias = peer.session.trackAlias(track.alias);
  peer.session.acceptSubscribe(request, {
    trackAlias: subscription.alias,
    ...(largest === null ? {} : { largest: largest }),
    trackProperties: track.properties,
  });
  context.touch(peer);
  track.subscriptions.add(subscription);
  track.fanOut.join(subscription);
  for (const join of subscription.joins.splice(0)) startJoin(context, subscription, join);
}

/** Keeps a subscription until a publisher comes, as long as both sides will wait (draft-18 §10.2.4). */
function wait(context: RelayContext, subscription: Subscription): void {
  const { limits, nowMs } = context;
  const asked = Number(subscription.parameters.rendezvousTimeoutMs ?? 0);
  if (asked === 0 && subscription.track.sources.size === 0) {
    refuse(context, subscription, RequestErrorCode.DOES_NOT_EXIST, 'no publisher of the track is known');
    return;
  }
  // Without a time of its own it waits for the publisher's answer only.
  const waitMs = asked === 0 ? limits.fillMsMax : Math.min(asked, limits.rendezvousMsMax);
  context.timers.schedule(subscription.timer, nowMs + waitMs);
}

/** It has waited for too long: for its publisher, for the answer to a PUBLISH, or to catch up. */
export function subscriptionTimeUp(context: RelayContext, subscription: Subscription): void {
  const { track, peer, request } = subscription;
  if (subscription.state === 'waiting') {
    // A publisher that has been asked to send, and does not answer that, is there all the same.
    if (track.hasEstablishedSource) admit(context, subscription);
    else refuse(context, subscription, RequestErrorCode.TIMEOUT, 'no publisher of the track in time');
    return;
  }
  if (subscription.pending) {
    peer.session.cancel(request);
    context.touch(peer);
    dropSubscription(context, subscription);
    return;
  }
  context.counters.tooFarBehind++;
  endSubscription(context, subscription, PublishDoneCode.TOO_FAR_BEHIND, 'subscriber has been behind for too long');
}

function refuse(context: RelayContext, subscription: Subscription, code: number, reason: string): void {
  const { peer, request } = subscription;
  passError(context, peer, request, withRetry({ code, reason, retryIntervalMs: null }));
  forget(context, subscription);
}

/** Only what may exist later is worth another try. */
function withRetry(error: RequestErrorInfo): RequestErrorInfo {
  const { code } = error;
  const later = code === RequestErrorCode.DOES_NOT_EXIST || code === RequestErrorCode.TIMEOUT;
  return { ...error, retryIntervalMs: later ? 1_000 : null };
}

function forget(context: RelayContext, subscription: Subscription): void {
  if (subscription.state === 'ended') return;
  const { peer, request, track } = subscription;
  for (const join of subscription.joins.splice(0)) {
    const reason = `subscription ${request} was not established`;
    reject(context, peer, join.request, RequestErrorCode.INVALID_JOINING_REQUEST_ID, reason);
  }
  subscription.state = 'ended';
  context.timers.cancel(subscription.timer);
  peer.subscriptions.delete(request);
  if (subscription.initiator === 'publisher') peer.requests.delete(request);
  peer.subscriptionsByTrack.delete(track.name.key);
  track.waiting.delete(subscription);
  track.subscriptions.delete(subscription);
  context.counters.subscriptions--;
  releaseTrack(context, track);
}

interface Refusal {
  readonly code: number;
  readonly reason: string;
  readonly retryMs: number | null;
}

function refusalOf(context: RelayContext, peer: Peer, trackKey: string): Refusal | null {
  if (context.draining) return { code: RequestErrorCode.GOING_AWAY, reason: 'relay is going away', retryMs: null };
  if (peer.subscriptionsByTrack.has(trackKey)) {
    return { code: RequestErrorCode.DUPLICATE_SUBSCRIPTION, reason: 'track is subscribed already', retryMs: null };
  }
  const { subscriptionsPerSessionMax } = context.limits;
  if (peer.subscriptions.size < subscriptionsPerSessionMax) return null;
  const reason = `session has ${subscriptionsPerSessionMax} subscriptions, which is the limit`;
  return { code: RequestErrorCode.EXCESSIVE_LOAD, reason, retryMs: 10_000 };
}

/** A parameter that is not in an update keeps its value (draft-18 §10.9). */
function merge(parameters: SubscribeParameters, changes: RequestUpdateParameters): SubscribeParameters {
  return { ...parameters, ...changes };
}

function resetCodeFor(code: number): number {
  if (code === PublishDoneCode.TOO_FAR_BEHIND) return StreamResetCode.TOO_FAR_BEHIND;
  if (code === PublishDoneCode.MALFORMED_TRACK) return StreamResetCode.MALFORMED_TRACK;
  if (code === PublishDoneCode.GOING_AWAY) return StreamResetCode.GOING_AWAY;
  return StreamResetCode.CANCELLED;
}
