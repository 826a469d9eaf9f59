import { type Notice, RequestErrorCode, type Vi64 } from '@higgins/protocol';
import { reject } from '../answers.js';
import { offerToAll } from '../downstream/offers.js';
import { admitWaiting } from '../downstream/subscriptions.js';
import type { Peer } from '../peer.js';
import type { RelayContext } from '../relay-context.js';
import type { Track } from '../track.js';
import { openTrack, releaseTrack } from '../tracks.js';
import { missedSince, openJoin } from './joins.js';
import { Source } from './source.js';
import { addSource, cancelSource, newGroupWish } from './sources.js';

type PublishNotice = Extract<Notice, { kind: 'publish' }>;

/**
 * PUBLISH from a peer: an upstream subscription that the publisher starts (draft-18 §9.5). It is accepted whether or not
 * someone wants the track; until someone does it has Forward State 0 and costs the publisher nothing.
 */
export function publish(context: RelayContext, peer: Peer, notice: PublishNotice): void {
  const { request, name, parameters, trackProperties } = notice;
  context.counters.publishesReceived++;
  if (!mayPublish(context, peer, notice)) return;
  const track = openTrack(context, name);
  if (track === null) {
    reject(context, peer, request, RequestErrorCode.EXCESSIVE_LOAD, 'too many tracks', 10_000);
    return;
  }
  // A SUBSCRIBE of ours that crossed the PUBLISH gives way to it (draft-18 §5.1).
  const crossed = track.sources.get(peer);
  if (crossed !== undefined) cancelSource(context, crossed);
  const missed = missedSince(track);
  track.adopt(trackProperties, parameters.largest);
  const source = new Source(track, peer, request, 'publish', false);
  addSource(context, source);
  offerToAll(context, track);
  source.forwarding = track.demanded;
  peer.session.acceptPublish(request, { forward: source.forwarding, ...wishOf(track) });
  context.touch(peer);
  if (source.forwarding && parameters.largest !== undefined) openJoin(context, source, missed);
  admitWaiting(context, track);
  releaseTrack(context, track);
}

/**
 * Lets publishers that wait send as soon as someone takes the track's objects (draft-18 §9.5), with a joining FETCH for
 * what was published meanwhile. The other way round nothing is done at once: the track lingers first.
 */
export function raiseForward(context: RelayContext, track: Track): void {
  if (!track.demanded) return;
  for (const source of track.sources.values()) {
    if (source.forwarding) continue;
    source.update({ forward: true });
    openJoin(context, source, missedSince(track));
    context.touch(source.peer);
  }
}

/** REQUEST_OK for an update: when it has raised the Forward State, the track's Largest Location is known anew. */
export function sourceUpdated(context: RelayContext, source: Source, largest: Track['largest']): void {
  source.updated();
  const { track } = source;
  track.adopt(undefined, largest ?? undefined);
  if (source.live) admitWaiting(context, track);
}

function wishOf(track: Track): { newGroupRequest?: Vi64 } {
  return track.policy.dynamicGroups ? newGroupWish(track) : {};
}

function mayPublish(context: RelayContext, peer: Peer, { request, name, parameters }: PublishNotice): boolean {
  if (context.draining) {
    reject(context, peer, request, RequestErrorCode.GOING_AWAY, 'relay is going away');
    return false;
  }
  const { publicationsPerSessionMax } = context.limits;
  if (peer.publications >= publicationsPerSessionMax) {
    const reason = `session publishes ${publicationsPerSessionMax} tracks, which is the limit`;
    reject(context, peer, request, RequestErrorCode.EXCESSIVE_LOAD, reason, 10_000);
    return false;
  }
  const tokens = parameters.authorizationTokens ?? [];
  const decision = context.authorizer.authorizePublish(peer.principal, name.namespace, name.name, tokens);
  if (decision.allowed) return true;
  reject(context, peer, request, decision.code, decision.reason);
  return false;
}
