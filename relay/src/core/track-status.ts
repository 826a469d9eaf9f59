import {
  type FullTrackName,
  type Notice,
  RequestErrorCode,
  type RequestErrorInfo,
  type RequestId,
  type RequestOk,
} from '@higgins/protocol';
import { passError, reject } from './answers.js';
import type { Peer } from './peer.js';
import type { RelayContext } from './relay-context.js';

/** A TRACK_STATUS that is asked of a publisher for a peer. */
export interface StatusQuery {
  readonly kind: 'status';
  readonly asker: Peer;
  /** Of the asker's. */
  readonly askerRequest: RequestId;
  readonly publisher: Peer;
  /** Of ours. */
  readonly request: RequestId;
}

/** TRACK_STATUS from a peer: answered from what is known, else by the publisher. */
export function trackStatus(
  context: RelayContext,
  peer: Peer,
  notice: Extract<Notice, { kind: 'track-status' }>,
): void {
  const { request, name, parameters } = notice;
  const decision = context.authorizer.authorizeSubscribe(peer.principal, name, parameters.authorizationTokens ?? []);
  if (!decision.allowed) {
    reject(context, peer, request, decision.code, decision.reason);
    return;
  }
  const track = context.tracks.get(name);
  if (track !== null && (track.hasLiveSource || track.largest !== null)) {
    const largest = track.largest === null ? {} : { largest: track.largest };
    peer.session.acceptRequest(request, { ...largest, trackProperties: track.properties });
    context.touch(peer);
    return;
  }
  const publisher = publisherOf(context, name, peer);
  if (publisher === null) {
    reject(context, peer, request, RequestErrorCode.DOES_NOT_EXIST, 'no publisher of the track is known', 1_000);
    return;
  }
  const ours = publisher.session.trackStatus(name);
  const query: StatusQuery = { kind: 'status', asker: peer, askerRequest: request, publisher, request: ours };
  publisher.requests.set(ours, query);
  peer.statusQueries.set(request, query);
  context.touch(publisher);
}

/** The publisher knows. */
export function statusAnswered(context: RelayContext, query: StatusQuery, ok: RequestOk): void {
  if (!endQuery(query)) return;
  query.asker.session.acceptRequest(query.askerRequest, ok);
  context.touch(query.asker);
}

/** The publisher does not, or is gone. */
export function statusRefused(context: RelayContext, query: StatusQuery, error: RequestErrorInfo): void {
  if (!endQuery(query)) return;
  passError(context, query.asker, query.askerRequest, error);
}

/** The asker has cancelled, or is gone. */
export function dropQuery(context: RelayContext, query: StatusQuery): void {
  if (!endQuery(query)) return;
  query.publisher.session.cancel(query.request);
  context.touch(query.publisher);
}

function endQuery(query: StatusQuery): boolean {
  query.publisher.requests.delete(query.request);
  return query.asker.statusQueries.delete(query.askerRequest);
}

function publisherOf(context: RelayContext, name: FullTrackName, asker: Peer): Peer | null {
  for (const { peer } of context.announcements.covering(name.namespace)) if (peer.usable && peer !== asker) return peer;
  for (const { peer, origin } of context.tracks.get(name)?.sources.values() ?? []) {
    if (origin === 'publish' && peer.usable && peer !== asker) return peer;
  }
  for (const peer of context.upstreams) if (peer.usable && peer !== asker) return peer;
  return null;
}
