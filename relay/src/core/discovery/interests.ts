import {
  type AuthorizationToken,
  type Notice,
  RequestErrorCode,
  type RequestId,
  type RequestUpdateParameters,
  StreamResetCode,
  type TrackNamespace,
} from '@higgins/protocol';
import { reject } from '../answers.js';
import { offerAllUnder } from '../downstream/offers.js';
import { NamespaceTree } from '../namespace-tree.js';
import type { Peer } from '../peer.js';
import type { RelayContext } from '../relay-context.js';

/** A SUBSCRIBE_NAMESPACE of a peer's: it is told which namespaces under the prefix are published (draft-18 §10.18). */
export interface NamespaceInterest {
  readonly kind: 'namespaces';
  readonly peer: Peer;
  readonly request: RequestId;
  prefix: TrackNamespace;
}

/** A SUBSCRIBE_TRACKS of a peer's: it is sent a PUBLISH of every track under the prefix (draft-18 §10.19). */
export interface TrackInterest {
  readonly kind: 'tracks';
  readonly peer: Peer;
  readonly request: RequestId;
  prefix: TrackNamespace;
  /** Whether those PUBLISHes start at once. */
  readonly forward: boolean;
  tokens: readonly AuthorizationToken[];
}

export type Interest = NamespaceInterest | TrackInterest;

type InterestNotice = Extract<Notice, { kind: 'subscribe-namespace' | 'subscribe-tracks' }>;

/** Who wants to hear of what lies under which prefix. */
export class Interests {
  readonly #namespaces = new NamespaceTree<NamespaceInterest>();
  readonly #tracks = new NamespaceTree<TrackInterest>();

  /** SUBSCRIBE_NAMESPACE or SUBSCRIBE_TRACKS from a peer. */
  add(context: RelayContext, peer: Peer, notice: InterestNotice): void {
    const { request, prefix, parameters } = notice;
    if (context.draining) {
      reject(context, peer, request, RequestErrorCode.GOING_AWAY, 'relay is going away');
      return;
    }
    const tokens = parameters.authorizationTokens ?? [];
    const decision = context.authorizer.authorizeDiscovery(peer.principal, prefix, tokens);
    if (!decision.allowed) {
      reject(context, peer, request, decision.code, decision.reason);
      return;
    }
    const interest: Interest =
      notice.kind === 'subscribe-namespace'
        ? { kind: 'namespaces', peer, request, prefix }
        : { kind: 'tracks', peer, request, prefix, tokens, forward: notice.parameters.forward ?? true };
    peer.interests.set(request, interest);
    peer.session.acceptRequest(request);
    context.touch(peer);
    this.#enter(context, interest);
  }

  /** REQUEST_UPDATE, which may move it to another prefix (draft-18 §10.9.2). */
  update(context: RelayContext, interest: Interest, changes: RequestUpdateParameters): void {
    const { peer, request } = interest;
    const { namespacePrefix = interest.prefix, authorizationTokens } = changes;
    context.touch(peer);
    const decision = context.authorizer.authorizeDiscovery(
      peer.principal,
      namespacePrefix,
      authorizationTokens ?? (interest.kind === 'tracks' ? interest.tokens : []),
    );
    if (!decision.allowed) {
      const { code, reason } = decision;
      peer.session.rejectUpdate(request, { code, reason, retryIntervalMs: null });
      this.remove(context, interest);
      return;
    }
    peer.session.acceptUpdate(request);
    if (interest.kind === 'tracks' && authorizationTokens !== undefined) interest.tokens = authorizationTokens;
    if (changes.namespacePrefix === undefined) return;
    this.#leave(context, interest);
    interest.prefix = changes.namespacePrefix;
    this.#enter(context, interest);
  }

  /** The peer has cancelled it, or is gone. PUBLISHes that follow from it stay (draft-18 §10.18). */
  remove(context: RelayContext, interest: Interest): void {
    if (!interest.peer.interests.delete(interest.request)) return;
    this.#leave(context, interest);
  }

  /** The SUBSCRIBE_TRACKS that a track of that namespace concerns. */
  tracksAt(namespace: TrackNamespace): Iterable<TrackInterest> {
    return this.#tracks.prefixesOf(namespace);
  }

  /** A namespace is published that was not before. */
  namespacePublished(context: RelayContext, namespace: TrackNamespace): void {
    for (const interest of [...this.#namespaces.prefixesOf(namespace)]) this.#tell(context, interest, namespace);
  }

  /** A namespace is published no more. */
  namespaceDone(context: RelayContext, namespace: TrackNamespace): void {
    for (const { peer, request } of this.#namespaces.prefixesOf(namespace)) {
      peer.session.namespaceDone(request, namespace);
      context.touch(peer);
    }
  }

  #enter(context: RelayContext, interest: Interest): void {
    context.upstreamInterests.want(context, interest);
    if (interest.kind === 'tracks') {
      this.#tracks.add(interest.prefix, interest);
      offerAllUnder(context, interest);
      return;
    }
    this.#namespaces.add(interest.prefix, interest);
    for (const namespace of context.namespaces.under(interest.prefix)) this.#tell(context, interest, namespace);
  }

  #leave(context: RelayContext, interest: Interest): void {
    if (interest.kind === 'tracks') this.#tracks.remove(interest.prefix, interest);
    else this.#namespaces.remove(interest.prefix, interest);
    context.upstreamInterests.release(context, interest);
  }

  /** A peer that does not read loses the request instead of having it all queued (draft-18 §10.18). */
  #tell(context: RelayContext, interest: NamespaceInterest, namespace: TrackNamespace): void {
    const { peer, request } = interest;
    if (!peer.interests.has(request)) return;
    context.touch(peer);
    peer.unsentBytes += namespace.key.length;
    if (peer.outstandingBytes < context.limits.discoveryBacklogBytes) {
      peer.session.namespacePublished(request, namespace);
      return;
    }
    peer.session.abort(request, StreamResetCode.EXCESSIVE_LOAD);
    this.remove(context, interest);
  }
}
