import { type Notice, RequestErrorCode, type RequestId, type TrackNamespace } from '@higgins/protocol';
import { reject } from './answers.js';
import { NamespaceTree } from './namespace-tree.js';
import type { Peer } from './peer.js';
import type { RelayContext } from './relay-context.js';
import { wheelTimer } from './timer-wheel.js';
import { ensureSources } from './upstream/sources.js';

/** A namespace that a peer announces: requests for tracks under it are routed there. */
export interface Announcement {
  readonly peer: Peer;
  readonly request: RequestId;
  readonly namespace: TrackNamespace;
}

/** A PUBLISH_NAMESPACE of this relay's at an upstream, for everything that clients announce under that name. */
export interface PassedAnnouncement {
  readonly kind: 'announcement';
  readonly peer: Peer;
  readonly request: RequestId;
  readonly namespace: TrackNamespace;
}

/** First pause before a refused announcement is tried again upstream, in ms; half of it is added at random. */
const RETRY_MS = 5_000;

/**
 * Who announces what. Announcements of clients are passed to every upstream, once per namespace, so that subscribers
 * elsewhere find publishers here; those of an upstream are not passed anywhere.
 */
export class Announcements {
  readonly #tree = new NamespaceTree<Announcement>();
  readonly #byNamespace = new Map<string, Set<Announcement>>();
  /** By upstream, then by namespace. */
  readonly #passed = new Map<Peer, Map<string, PassedAnnouncement>>();

  /** The announcements of the namespace or a prefix of it. */
  covering(namespace: TrackNamespace): Iterable<Announcement> {
    return this.#tree.prefixesOf(namespace);
  }

  /** PUBLISH_NAMESPACE from a peer. */
  add(context: RelayContext, peer: Peer, notice: Extract<Notice, { kind: 'publish-namespace' }>): void {
    const { request, namespace, parameters } = notice;
    if (context.draining) {
      reject(context, peer, request, RequestErrorCode.GOING_AWAY, 'relay is going away');
      return;
    }
    const { namespacesPerSessionMax } = context.limits;
    if (peer.announcements.size >= namespacesPerSessionMax) {
      const reason = `session announces ${namespacesPerSessionMax} namespaces, which is the limit`;
      reject(context, peer, request, RequestErrorCode.EXCESSIVE_LOAD, reason, 10_000);
      return;
    }
    const decision = context.authorizer.authorizePublish(
      peer.principal,
      namespace,
      null,
      parameters.authorizationTokens ?? [],
    );
    if (!decision.allowed) {
      reject(context, peer, request, decision.code, decision.reason);
      return;
    }
    this.#insert(context, { peer, request, namespace });
    peer.session.acceptRequest(request);
    context.touch(peer);
    context.namespaces.add(context, namespace);
    for (const track of context.tracks.under(namespace)) ensureSources(context, track);
  }

  /** The peer has withdrawn it, or is gone; values that it published stay. */
  remove(context: RelayContext, announcement: Announcement): void {
    const { peer, request, namespace } = announcement;
    if (!peer.announcements.delete(request)) return;
    context.counters.namespaces--;
    this.#tree.remove(namespace, announcement);
    context.namespaces.remove(context, namespace);
    const same = this.#byNamespace.get(namespace.key);
    same?.delete(announcement);
    if (same !== undefined && same.size > 0) return;
    this.#byNamespace.delete(namespace.key);
    for (const [upstream, passed] of this.#passed) {
      const ours = passed.get(namespace.key);
      if (ours === undefined) continue;
      passed.delete(namespace.key);
      upstream.requests.delete(ours.request);
      upstream.session.cancel(ours.request);
      context.touch(upstream);
    }
  }

  /** An upstream is there: it is told everything that clients announce. */
  passAll(context: RelayContext, upstream: Peer): void {
    this.#passed.set(upstream, new Map());
    for (const [announcement] of this.#byNamespace.values()) this.#pass(context, upstream, announcement!.namespace);
  }

  /** An upstream is gone. */
  forgetUpstream(upstream: Peer): void {
    this.#passed.delete(upstream);
  }

  /** An upstream does not want one, or no longer: tried again after a while. */
  refused(context: RelayContext, passed: PassedAnnouncement, retryMs: number | null): void {
    const { peer, namespace, request } = passed;
    peer.requests.delete(request);
    this.#passed.get(peer)?.delete(namespace.key);
    const delayMs = Math.max(RETRY_MS, retryMs ?? 0) * (1 + 0.5 * context.random());
    context.timers.schedule(
      wheelTimer(() => this.#pass(context, peer, namespace)),
      context.nowMs + delayMs,
    );
  }

  /** An upstream asks for one to be made anew (draft-18 §10.4). */
  renew(context: RelayContext, { peer, namespace, request }: PassedAnnouncement): void {
    peer.requests.delete(request);
    peer.session.cancel(request);
    this.#passed.get(peer)?.delete(namespace.key);
    this.#pass(context, peer, namespace);
  }

  #insert(context: RelayContext, announcement: Announcement): void {
    const { peer, request, namespace } = announcement;
    peer.announcements.set(request, announcement);
    context.counters.namespaces++;
    this.#tree.add(namespace, announcement);
    if (peer.kind === 'upstream') return;
    const same = this.#byNamespace.get(namespace.key);
    if (same !== undefined) {
      same.add(announcement);
      return;
    }
    this.#byNamespace.set(namespace.key, new Set([announcement]));
    for (const upstream of this.#passed.keys()) this.#pass(context, upstream, namespace);
  }

  #pass(context: RelayContext, upstream: Peer, namespace: TrackNamespace): void {
    const passed = this.#passed.get(upstream);
    if (passed === undefined || passed.has(namespace.key) || !this.#byNamespace.has(namespace.key)) return;
    if (!upstream.usable) return;
    const request = upstream.session.publishNamespace(namespace);
    const announcement: PassedAnnouncement = { kind: 'announcement', peer: upstream, request, namespace };
    passed.set(namespace.key, announcement);
    upstream.requests.set(request, announcement);
    context.touch(upstream);
  }
}
