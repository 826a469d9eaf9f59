import {
  type Notice,
  type RequestErrorInfo,
  type RequestId,
  SessionTerminationCode,
  StreamResetCode,
} from '@higgins/protocol';
import type { PassedAnnouncement } from './announcements.js';
import { fetch } from './downstream/fetch-requests.js';
import { offerAccepted } from './downstream/offers.js';
import { dropSubscription, subscribe } from './downstream/subscriptions.js';
import type { Peer } from './peer.js';
import { peerAdmitted, peerLeaving } from './peer-life.js';
import type { RelayContext } from './relay-context.js';
import { dropQuery, type StatusQuery, statusAnswered, statusRefused, trackStatus } from './track-status.js';
import { updated } from './updates.js';
import { malformed } from './upstream/accept.js';
import { type Answer, answeredFill, answeredSource } from './upstream/answered.js';
import { publish } from './upstream/publish.js';
import { cancelSource, ensureSources, sourceGone } from './upstream/sources.js';

type Of<Kind extends Notice['kind']> = Extract<Notice, { kind: Kind }>;

/** Carries out what a session's notice means, `closed` excepted. */
export function noticed(context: RelayContext, peer: Peer, notice: Notice): void {
  // Whoever was not let in is being closed; what it asked for meanwhile does not count.
  if (!peer.admitted && notice.kind !== 'setup') return;
  switch (notice.kind) {
    case 'setup':
      admit(context, peer, notice);
      return;
    case 'subscribe':
      subscribe(context, peer, notice);
      return;
    case 'fetch':
      fetch(context, peer, notice);
      return;
    case 'publish-namespace':
      context.announcements.add(context, peer, notice);
      return;
    case 'track-status':
      trackStatus(context, peer, notice);
      return;
    case 'update':
      updated(context, peer, notice);
      return;
    case 'cancelled':
      cancelled(context, peer, notice);
      return;
    case 'publish':
      publish(context, peer, notice);
      return;
    case 'subscribe-namespace':
    case 'subscribe-tracks':
      context.interests.add(context, peer, notice);
      return;
    case 'goaway':
      if (notice.request === null) peerLeaving(context, peer, notice.newSessionUri);
      else requestLeaving(context, peer, notice.request, notice.newSessionUri);
      return;
    case 'closed':
      return;
    default:
      answered(context, peer, notice);
      return;
  }
}

/** What comes for a request of ours; for one that is over nothing is to be done. */
function answered(context: RelayContext, peer: Peer, notice: Answer): void {
  const own = peer.requests.get(notice.request);
  if (own === undefined) return;
  if (own.kind === 'source') {
    answeredSource(context, own, notice);
    return;
  }
  if (own.kind === 'fill') {
    answeredFill(context, own, notice);
    return;
  }
  if (own.kind === 'interest') {
    context.upstreamInterests.answered(context, own, notice);
    return;
  }
  if (own.kind === 'subscription') {
    if (notice.kind === 'publish-ok') offerAccepted(context, own, notice.ok);
    else if (notice.kind === 'request-error') dropSubscription(context, own);
    return;
  }
  if (notice.kind === 'request-ok' && own.kind === 'status') {
    statusAnswered(context, own, notice.ok);
    return;
  }
  if (notice.kind === 'request-error') {
    refused(context, own, notice.error);
    return;
  }
}

/**
 * GOAWAY for one request of ours: it is made anew here (draft-18 §10.4). Upstreams are the operator's choice, so that one
 * which is to move elsewhere by itself goes on where it is until its publisher ends it.
 */
function requestLeaving(context: RelayContext, peer: Peer, request: RequestId, newSessionUri: string): void {
  const own = peer.requests.get(request);
  if (own === undefined || newSessionUri !== '') return;
  if (own.kind === 'source' && own.origin === 'subscribe') {
    cancelSource(context, own);
    ensureSources(context, own.track);
  } else if (own.kind === 'announcement') context.announcements.renew(context, own);
  else if (own.kind === 'interest') context.upstreamInterests.renew(context, own);
}

function refused(context: RelayContext, own: PassedAnnouncement | StatusQuery, error: RequestErrorInfo): void {
  if (own.kind === 'status') statusRefused(context, own, error);
  else if (own.kind === 'announcement') context.announcements.refused(context, own, error.retryIntervalMs);
}

/** SETUP has passed: the peer is let in, or told why not. */
function admit(context: RelayContext, peer: Peer, { options }: Of<'setup'>): void {
  peer.present(options.authorizationTokens ?? []);
  const decision =
    peer.kind === 'upstream' ? { allowed: true as const } : context.authorizer.authorizeSession(peer.principal);
  if (decision.allowed) {
    peerAdmitted(context, peer);
    return;
  }
  peer.session.close(SessionTerminationCode.UNAUTHORIZED, decision.reason);
  context.touch(peer);
}

function cancelled(context: RelayContext, peer: Peer, { request, code }: Of<'cancelled'>): void {
  const subscription = peer.subscriptions.get(request);
  if (subscription !== undefined) {
    dropSubscription(context, subscription);
    return;
  }
  const announcement = peer.announcements.get(request);
  if (announcement !== undefined) {
    context.announcements.remove(context, announcement);
    return;
  }
  const interest = peer.interests.get(request);
  if (interest !== undefined) {
    context.interests.remove(context, interest);
    return;
  }
  const publication = peer.requests.get(request);
  if (publication?.kind === 'source') {
    if (code === StreamResetCode.MALFORMED_TRACK) malformed(context, publication, publication.track, 'publish ended');
    else sourceGone(context, publication);
    return;
  }
  const query = peer.statusQueries.get(request);
  if (query !== undefined) {
    dropQuery(context, query);
    return;
  }
  peer.fetches.get(request)?.drop();
  // A joining FETCH may still wait for its subscription.
  for (const waiting of peer.subscriptions.values()) {
    const at = waiting.joins.findIndex((join) => join.request === request);
    if (at >= 0) waiting.joins.splice(at, 1);
  }
}
