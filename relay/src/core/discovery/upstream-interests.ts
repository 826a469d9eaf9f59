import {
  type Notice,
  RequestErrorCode,
  type RequestErrorInfo,
  type RequestId,
  type TrackNamespace,
} from '@higgins/protocol';
import { NamespaceTree } from '../namespace-tree.js';
import type { Peer } from '../peer.js';
import type { RelayContext } from '../relay-context.js';
import { wheelTimer } from '../timer-wheel.js';
import type { Interest } from './interests.js';

/** What lay under a prefix that is asked for differently now is forgotten after so long, unless it is told of again. */
const HANDOVER_MS = 2_000;

/** First pause before a refused request is made again, in ms; half of it is added at random. */
const RETRY_MS = 5_000;

/** A prefix that clients are interested in. */
interface Wanted {
  readonly prefix: TrackNamespace;
  count: number;
}

/** A SUBSCRIBE_NAMESPACE or SUBSCRIBE_TRACKS of this relay's at an upstream, for all clients that want what it brings. */
export class UpstreamInterest {
  readonly kind = 'interest';
  readonly peer: Peer;
  readonly request: RequestId;
  readonly prefix: TrackNamespace;
  readonly about: Interest['kind'];
  /** What the upstream has told of, by key. */
  readonly namespaces = new Map<string, TrackNamespace>();

  constructor(peer: Peer, request: RequestId, prefix: TrackNamespace, about: Interest['kind']) {
    this.peer = peer;
    this.request = request;
    this.prefix = prefix;
    this.about = about;
  }
}

/**
 * Passes the interests of clients on to every upstream, so that they hear of publishers elsewhere. One session may not
 * ask for overlapping prefixes (draft-18 §10.18): of those that clients want only the shortest are asked for, which
 * cover the others.
 */
export class UpstreamInterests {
  readonly #namespaces = new PrefixCover('namespaces');
  readonly #tracks = new PrefixCover('tracks');

  want(context: RelayContext, { kind, peer, prefix }: Interest): void {
    if (peer.kind === 'client') this.#cover(kind).want(context, prefix);
  }

  release(context: RelayContext, { kind, peer, prefix }: Interest): void {
    if (peer.kind === 'client') this.#cover(kind).release(context, prefix);
  }

  /** Whether a track of that namespace is asked for at upstreams. */
  coversTracks(namespace: TrackNamespace): boolean {
    return this.#tracks.covers(namespace);
  }

  /** An upstream is there. */
  passAll(context: RelayContext, upstream: Peer): void {
    this.#namespaces.passAll(context, upstream);
    this.#tracks.passAll(context, upstream);
  }

  /** An upstream is gone, and with it what it told of. */
  forgetUpstream(context: RelayContext, upstream: Peer): void {
    this.#namespaces.forgetUpstream(context, upstream);
    this.#tracks.forgetUpstream(context, upstream);
  }

  /** What an upstream says on one of the requests. */
  answered(context: RelayContext, own: UpstreamInterest, notice: Notice): void {
    const { namespaces } = own;
    if (notice.kind === 'namespace') {
      if (namespaces.has(notice.namespace.key)) return;
      namespaces.set(notice.namespace.key, notice.namespace);
      context.namespaces.add(context, notice.namespace);
    } else if (notice.kind === 'namespace-done') {
      if (namespaces.delete(notice.namespace.key)) context.namespaces.remove(context, notice.namespace);
    } else if (notice.kind === 'publish-blocked') this.#blocked(context, notice);
    else if (notice.kind === 'request-error') {
      this.#cover(own.about).refused(context, own, notice.error);
    }
  }

  /** An upstream asks for a request to be made anew (draft-18 §10.4). */
  renew(context: RelayContext, own: UpstreamInterest): void {
    this.#cover(own.about).renew(context, own);
  }

  // The upstream has no stream for the PUBLISH, so that none will go out here: who wants the track has to subscribe.
  #blocked(context: RelayContext, { name }: Extract<Notice, { kind: 'publish-blocked' }>): void {
    for (const { peer, request } of context.interests.tracksAt(name.namespace)) {
      if (peer.subscriptionsByTrack.has(name.key)) continue;
      peer.session.publishBlocked(request, name);
      context.touch(peer);
    }
  }

  #cover(kind: Interest['kind']): PrefixCover {
    return kind === 'namespaces' ? this.#namespaces : this.#tracks;
  }
}

/** The prefixes of one kind that clients want, and the requests for the shortest of them at each upstream. */
class PrefixCover {
  readonly #about: Interest['kind'];
  readonly #byKey = new Map<string, Wanted>();
  readonly #tree = new NamespaceTree<Wanted>();
  readonly #open = new Map<Peer, Map<string, UpstreamInterest>>();
  /** What was told of under requests that were made anew differently. */
  readonly #handedOver = new Map<Peer, Set<UpstreamInterest>>();

  constructor(about: Interest['kind']) {
    this.#about = about;
  }

  want(context: RelayContext, prefix: TrackNamespace): void {
    const known = this.#byKey.get(prefix.key);
    if (known !== undefined) {
      known.count++;
      return;
    }
    const wanted: Wanted = { prefix, count: 1 };
    this.#byKey.set(prefix.key, wanted);
    this.#tree.add(prefix, wanted);
    if (!this.#isShortest(prefix)) return;
    for (const upstream of this.#open.keys()) {
      for (const longer of this.#tree.startingWith(prefix))
        if (longer !== wanted) this.#cancel(context, upstream, longer);
      this.#ask(context, upstream, prefix);
    }
  }

  release(context: RelayContext, prefix: TrackNamespace): void {
    const wanted = this.#byKey.get(prefix.key);
    if (wanted === undefined || --wanted.count > 0) return;
    this.#byKey.delete(prefix.key);
    this.#tree.remove(prefix, wanted);
    for (const upstream of this.#open.keys()) {
      this.#cancel(context, upstream, wanted);
      for (const longer of this.#tree.startingWith(prefix)) this.#ask(context, upstream, longer.prefix);
    }
  }

  covers(namespace: TrackNamespace): boolean {
    for (const _ of this.#tree.prefixesOf(namespace)) return true;
    return false;
  }

  passAll(context: RelayContext, upstream: Peer): void {
    this.#open.set(upstream, new Map());
    this.#handedOver.set(upstream, new Set());
    for (const { prefix } of this.#byKey.values()) this.#ask(context, upstream, prefix);
  }

  forgetUpstream(context: RelayContext, upstream: Peer): void {
    const open = [...(this.#open.get(upstream)?.values() ?? []), ...(this.#handedOver.get(upstream) ?? [])];
    this.#open.delete(upstream);
    this.#handedOver.delete(upstream);
    for (const own of open) forgetNamespaces(context, own);
  }

  refused(context: RelayContext, own: UpstreamInterest, error: RequestErrorInfo): void {
    const { peer, request, prefix } = own;
    const { code, retryIntervalMs } = error;
    peer.requests.delete(request);
    if (this.#open.get(peer)?.get(prefix.key) !== own) return;
    this.#open.get(peer)!.delete(prefix.key);
    forgetNamespaces(context, own);
    // An upstream that can't do it is asked again when it is dialled again. The end of another request of ours that
    // overlaps may have been overtaken, and a stream may be reset for reasons that pass.
    if (code !== null && retryIntervalMs === null && code !== RequestErrorCode.PREFIX_OVERLAP) return;
    const delayMs = Math.max(RETRY_MS, retryIntervalMs ?? 0) * (1 + 0.5 * context.random());
    context.timers.schedule(
      wheelTimer(() => this.#ask(context, peer, prefix)),
      context.nowMs + delayMs,
    );
  }

  renew(context: RelayContext, { peer, prefix }: UpstreamInterest): void {
    this.#cancel(context, peer, { prefix });
    this.#ask(context, peer, prefix);
  }

  #isShortest(prefix: TrackNamespace): boolean {
    for (const other of this.#tree.prefixesOf(prefix)) if (other.prefix.key !== prefix.key) return false;
    return true;
  }

  #ask(context: RelayContext, upstream: Peer, prefix: TrackNamespace): void {
    const open = this.#open.get(upstream);
    if (open === undefined || open.has(prefix.key) || !this.#byKey.has(prefix.key)) return;
    if (!upstream.usable || !this.#isShortest(prefix)) return;
    const { session } = upstream;
    const request = this.#about === 'namespaces' ? session.subscribeNamespace(prefix) : session.subscribeTracks(prefix);
    const own = new UpstreamInterest(upstream, request, prefix, this.#about);
    open.set(prefix.key, own);
    upstream.requests.set(request, own);
    context.touch(upstream);
  }

  #cancel(context: RelayContext, upstream: Peer, { prefix }: Pick<Wanted, 'prefix'>): void {
    const open = this.#open.get(upstream);
    const own = open?.get(prefix.key);
    if (open === undefined || own === undefined) return;
    open.delete(prefix.key);
    upstream.requests.delete(own.request);
    upstream.session.cancel(own.request);
    context.touch(upstream);
    if (own.namespaces.size > 0) this.#handOver(context, own);
  }

  /** Another request covers some of it: nobody shall hear that a namespace is gone and is there again. */
  #handOver(context: RelayContext, own: UpstreamInterest): void {
    this.#handedOver.get(own.peer)?.add(own);
    context.timers.schedule(
      wheelTimer(() => {
        if (this.#handedOver.get(own.peer)?.delete(own)) forgetNamespaces(context, own);
      }),
      context.nowMs + HANDOVER_MS,
    );
  }
}

function forgetNamespaces(context: RelayContext, own: UpstreamInterest): void {
  for (const namespace of own.namespaces.values()) context.namespaces.remove(context, namespace);
  own.namespaces.clear();
}
