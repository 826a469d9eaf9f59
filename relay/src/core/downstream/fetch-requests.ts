import {
  compareLocations,
  type FetchParameters,
  type Notice,
  RequestErrorCode,
  type RequestId,
  subtract,
} from '@higgins/protocol';
import { reject } from '../answers.js';
import { inclusiveEnd } from '../locations.js';
import type { Peer } from '../peer.js';
import type { RelayContext } from '../relay-context.js';
import { openTrack } from '../tracks.js';
import { FetchResponse } from './fetch-response.js';
import type { Subscription } from './subscription.js';

type FetchNotice = Extract<Notice, { kind: 'fetch' }>;

/** A joining FETCH that waits for its subscription. */
export interface PendingJoin {
  readonly request: RequestId;
  readonly range: Exclude<FetchNotice['range'], { kind: 'standalone' }>;
  readonly parameters: FetchParameters;
}

/** FETCH from a peer. */
export function fetch(context: RelayContext, peer: Peer, notice: FetchNotice): void {
  const { request, range, parameters } = notice;
  context.counters.fetchesReceived++;
  if (context.draining) {
    reject(context, peer, request, RequestErrorCode.GOING_AWAY, 'relay is going away');
    return;
  }
  const { fetchesPerSessionMax } = context.limits;
  if (peer.fetches.size >= fetchesPerSessionMax) {
    const reason = `session has ${fetchesPerSessionMax} fetches open, which is the limit`;
    reject(context, peer, request, RequestErrorCode.EXCESSIVE_LOAD, reason, 1_000);
    return;
  }
  if (range.kind === 'standalone') {
    startStandalone(context, peer, request, range, parameters);
    return;
  }
  const subscription = peer.subscriptions.get(range.subscription);
  if (subscription === undefined) {
    const reason = `request ${range.subscription} is no subscription`;
    reject(context, peer, request, RequestErrorCode.INVALID_JOINING_REQUEST_ID, reason);
    return;
  }
  const join: PendingJoin = { request, range, parameters };
  if (subscription.state === 'waiting') subscription.joins.push(join);
  else startJoin(context, subscription, join);
}

/** Answers a joining FETCH whose subscription is established: up to the Joining Location (draft-18 §10.12.2.1). */
export function startJoin(context: RelayContext, subscription: Subscription, join: PendingJoin): void {
  const { peer, track, joining } = subscription;
  const { request, range, parameters } = join;
  if (joining === null || !subscription.forward) {
    const reason = joining === null ? 'no object has been published' : 'subscription does not forward';
    reject(context, peer, request, RequestErrorCode.INVALID_RANGE, reason);
    return;
  }
  const group =
    range.kind === 'absolute-joining'
      ? range.startGroup
      : range.groupsBack > joining.group
        ? 0
        : subtract(joining.group, range.groupsBack);
  const start = { group, object: 0 };
  if (compareLocations(start, joining) > 0) {
    reject(context, peer, request, RequestErrorCode.INVALID_RANGE, `group ${group} is not there yet`);
    return;
  }
  new FetchResponse(context, { peer, request, track, start, last: joining, ...answerBy(context, parameters) }).serve();
}

function startStandalone(
  context: RelayContext,
  peer: Peer,
  request: RequestId,
  range: Extract<FetchNotice['range'], { kind: 'standalone' }>,
  parameters: FetchParameters,
): void {
  const decision = context.authorizer.authorizeSubscribe(
    peer.principal,
    range.name,
    parameters.authorizationTokens ?? [],
  );
  if (!decision.allowed) {
    reject(context, peer, request, decision.code, decision.reason);
    return;
  }
  const last = inclusiveEnd(range.end);
  if (compareLocations(range.start, last) > 0) {
    reject(context, peer, request, RequestErrorCode.INVALID_RANGE, 'range ends before it starts');
    return;
  }
  const track = openTrack(context, range.name);
  if (track === null) {
    reject(context, peer, request, RequestErrorCode.EXCESSIVE_LOAD, 'too many tracks', 10_000);
    return;
  }
  const { start } = range;
  new FetchResponse(context, { peer, request, track, start, last, ...answerBy(context, parameters) }).serve();
}

function answerBy(context: RelayContext, parameters: FetchParameters) {
  const { fillMsMax } = context.limits;
  const asked = parameters.fillTimeoutMs;
  return {
    order: parameters.groupOrder ?? ('ascending' as const),
    priority: parameters.subscriberPriority ?? 128,
    fillMs: asked === undefined ? fillMsMax : Math.min(Number(asked), fillMsMax),
  };
}
