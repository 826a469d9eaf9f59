import {
  type AuthorizationToken,
  type Notice,
  PublishDoneCode,
  RequestErrorCode,
  type RequestUpdateParameters,
} from '@higgins/protocol';
import type { Announcement } from './announcements.js';
import type { Decision } from './authorizer.js';
import type { FetchResponse } from './downstream/fetch-response.js';
import type { Subscription } from './downstream/subscription.js';
import { endSubscription, updateSubscription } from './downstream/subscriptions.js';
import type { Peer } from './peer.js';
import type { RelayContext } from './relay-context.js';
import type { Source } from './upstream/source.js';
import { removeSource } from './upstream/sources.js';

const ALLOWED: Decision = { allowed: true };

/**
 * REQUEST_UPDATE on a request of the peer's, or on a PUBLISH of ours (draft-18 §10.9): answered once, and where it fails
 * the request ends with it (§10.9.1).
 */
export function updated(context: RelayContext, peer: Peer, notice: Extract<Notice, { kind: 'update' }>): void {
  const { request, parameters } = notice;
  context.touch(peer);
  const subscription = peer.subscriptions.get(request);
  const interest = peer.interests.get(request);
  const announcement = peer.announcements.get(request);
  const publication = peer.requests.get(request);
  const fetch = peer.fetches.get(request);
  if (subscription !== undefined) updatedSubscription(context, subscription, parameters);
  else if (interest !== undefined) context.interests.update(context, interest, parameters);
  else if (announcement !== undefined) updatedAnnouncement(context, announcement, parameters);
  else if (publication?.kind === 'source') updatedPublication(context, publication, parameters);
  else if (fetch !== undefined) updatedFetch(fetch, parameters);
  else {
    const reason = `request ${request} is over`;
    peer.session.rejectUpdate(request, { code: RequestErrorCode.DOES_NOT_EXIST, reason, retryIntervalMs: null });
  }
}

function updatedSubscription(
  context: RelayContext,
  subscription: Subscription,
  changes: RequestUpdateParameters,
): void {
  const { peer, request, track } = subscription;
  const decision = judge(changes, (tokens) =>
    context.authorizer.authorizeSubscribe(peer.principal, track.name, tokens),
  );
  const refusal = decision.allowed ? subscription.refusalOf(changes.filter) : decision;
  if (refusal === null) {
    updateSubscription(context, subscription, changes);
    return;
  }
  const { code, reason } = refusal;
  peer.session.rejectUpdate(request, { code, reason, retryIntervalMs: null });
  if (subscription.state === 'established') {
    endSubscription(context, subscription, PublishDoneCode.UPDATE_FAILED, reason);
  }
}

function updatedFetch(fetch: FetchResponse, { subscriberPriority }: RequestUpdateParameters): void {
  if (subscriberPriority !== undefined) fetch.prioritize(subscriberPriority);
  fetch.wish.peer.session.acceptUpdate(fetch.wish.request);
}

function updatedAnnouncement(
  context: RelayContext,
  announcement: Announcement,
  changes: RequestUpdateParameters,
): void {
  const { peer, request, namespace } = announcement;
  const decision = judge(changes, (tokens) =>
    context.authorizer.authorizePublish(peer.principal, namespace, null, tokens),
  );
  if (decision.allowed) {
    peer.session.acceptUpdate(request);
    return;
  }
  const { code, reason } = decision;
  peer.session.rejectUpdate(request, { code, reason, retryIntervalMs: null });
  context.announcements.remove(context, announcement);
}

/** The publisher updates its own PUBLISH: it can show other tokens, and nothing else concerns the relay. */
function updatedPublication(context: RelayContext, source: Source, changes: RequestUpdateParameters): void {
  const { peer, request, track } = source;
  const { namespace, name } = track.name;
  const decision = judge(changes, (tokens) =>
    context.authorizer.authorizePublish(peer.principal, namespace, name, tokens),
  );
  if (decision.allowed) {
    peer.session.acceptUpdate(request);
    return;
  }
  const { code, reason } = decision;
  peer.session.rejectUpdate(request, { code, reason, retryIntervalMs: null });
  source.cancel();
  removeSource(context, source);
}

/** An update without tokens leaves the decision as it was. */
function judge(
  { authorizationTokens }: RequestUpdateParameters,
  decide: (tokens: readonly AuthorizationToken[]) => Decision,
): Decision {
  return authorizationTokens === undefined ? ALLOWED : decide(authorizationTokens);
}
