import { type Notice, SessionTerminationCode } from '@higgins/protocol';
import type { Connection, ReceiverSet } from '@higgins/transport';
import { Admission } from './admission.js';
import { Announcements } from './announcements.js';
import { type Authorizer, allowAnyone } from './authorizer.js';
import { CacheBudget } from './cache/budget.js';
import { Counters } from './counters.js';
import { Interests } from './discovery/interests.js';
import { KnownNamespaces } from './discovery/known-namespaces.js';
import { UpstreamInterests } from './discovery/upstream-interests.js';
import { offerMore } from './downstream/offers.js';
import { DEFAULT_LIMITS, type RelayLimits } from './limits.js';
import { noticed } from './notices.js';
import { Peer, type PeerPort } from './peer.js';
import { closePeer } from './peer-life.js';
import { ReceiverSets } from './receiver-sets.js';
import type { RelayContext, SetListener } from './relay-context.js';
import { TimerWheel } from './timer-wheel.js';
import { TrackTable } from './track-table.js';
import { UpstreamLinks } from './upstream-links.js';

/** What a relay core asks of the shell around it. */
export interface RelayHost {
  /** Makes a receiver set; its events go to `RelayCore.missed` and `RelayCore.drainedSet` with the same `id`. */
  receiverSet(id: number): ReceiverSet;
  /**
   * Dials the upstream of that index, at `uri` if that is not null; the outcome comes by `RelayCore.attach` or
   * `RelayCore.upstreamFailed`.
   */
  connect(index: number, uri: string | null): void;
}

export interface RelayCoreOptions {
  readonly host: RelayHost;
  readonly nowMs: number;
  /** A number in [0, 1), for jitter. */
  random(): number;
  readonly limits?: Partial<RelayLimits>;
  readonly authorizer?: Authorizer;
  /** How many upstreams there are, in order of preference. Default 0. */
  readonly upstreams?: number;
}

/** How long fetches pause that wait for stream credit, which no event announces, in ms. */
const PAUSED_FETCH_MS = 20;

/**
 * A relay without I/O: sessions' notices, receiver-set events and time go in; commands to sessions and receiver sets
 * come out. Everything happens inside of calls, which may be nested: sessions are pumped at the end of the outermost.
 */
export class RelayCore implements RelayContext {
  nowMs: number;
  wallOffsetMs = 0;
  draining = false;
  readonly limits: RelayLimits;
  readonly counters = new Counters();
  readonly authorizer: Authorizer;
  readonly timers: TimerWheel;
  readonly budget: CacheBudget;
  readonly tracks: TrackTable;
  readonly announcements = new Announcements();
  readonly namespaces = new KnownNamespaces();
  readonly interests = new Interests();
  readonly upstreamInterests = new UpstreamInterests();
  /** All sessions. */
  readonly peers = new Set<Peer>();
  readonly upstreams = new Set<Peer>();
  readonly links: UpstreamLinks;
  readonly random: () => number;
  readonly #touched = new Set<Peer>();
  readonly #sets: ReceiverSets;
  readonly #admission: Admission;
  #nextPeer = 1;
  #depth = 0;

  constructor(options: RelayCoreOptions) {
    this.#sets = new ReceiverSets((id) => options.host.receiverSet(id));
    this.nowMs = options.nowMs;
    this.random = options.random;
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.authorizer = options.authorizer ?? allowAnyone;
    this.timers = new TimerWheel(options.nowMs);
    this.#admission = new Admission(this.limits.sessionsPerSecondMax, options.nowMs);
    this.budget = new CacheBudget(this.limits.cacheBytesMax);
    this.tracks = new TrackTable(this.limits.tracksMax);
    this.links = new UpstreamLinks(options.upstreams ?? 0, (index, uri) => options.host.connect(index, uri));
  }

  /** Dials the upstreams. */
  start(nowMs: number): void {
    this.#enter(nowMs, () => this.links.start());
  }

  /**
   * Takes over a session; its notices go to `notice`. A session beyond the limits is closed at once, which the session
   * itself tells by its `closed` notice.
   */
  attach(port: PeerPort, kind: 'client' | 'upstream', nowMs: number): Peer {
    const peer = new Peer(this.#nextPeer++, kind, port, {
      resume: (due) => this.#resume(due),
      offer: (due) => this.#enter(this.nowMs, () => offerMore(this, due)),
    });
    this.#enter(nowMs, () => {
      this.peers.add(peer);
      if (kind === 'upstream') this.upstreams.add(peer);
      this.counters.sessions = this.peers.size;
      this.counters.sessionsOpened++;
      if (this.draining) {
        port.session.close(SessionTerminationCode.NO_ERROR, 'relay is going away');
        this.touch(peer);
      }
      if (this.draining || kind === 'upstream') return;
      const refusal = this.#refusal();
      if (refusal === null) return;
      this.counters.sessionsRefused++;
      port.session.close(SessionTerminationCode.INTERNAL_ERROR, refusal);
      this.touch(peer);
    });
    return peer;
  }

  /** A notice of a peer's session. */
  notice(peer: Peer, notice: Notice, nowMs: number): void {
    this.#enter(nowMs, () => {
      if (notice.kind === 'closed') this.#closed(peer);
      else if (this.peers.has(peer)) noticed(this, peer, notice);
    });
  }

  /** The connection has less outstanding than the mark that was set on it. */
  drained(peer: Peer, nowMs: number): void {
    this.#enter(nowMs, () => this.#resume(peer));
  }

  /** `missed` of the receiver set with that id. */
  missed(set: number, receiver: Connection, key: number, nowMs: number): void {
    this.#enter(nowMs, () => this.#sets.listener(set)?.missed(receiver, key));
  }

  /** `drained` of the receiver set with that id. */
  drainedSet(set: number, receiver: Connection, nowMs: number): void {
    this.#enter(nowMs, () => this.#sets.listener(set)?.drained(receiver));
  }

  /** An attempt to dial an upstream failed. */
  upstreamFailed(nowMs: number): void {
    this.#enter(nowMs, () => this.upstreamNotReached());
  }

  /** Fires what is due. */
  tick(nowMs: number): void {
    this.#enter(nowMs, () => this.timers.advance(nowMs));
  }

  /** When `tick` is to be called at the latest, or null. */
  nextTimeoutMs(): number | null {
    return this.timers.nextMs();
  }

  /**
   * Sends everyone away, to `newSessionUri` or if that is empty to where they came from: requests from now on are
   * refused. `idle` becomes true when all clients have gone.
   */
  drain(timeoutMs: number, newSessionUri: string, nowMs: number): void {
    this.#enter(nowMs, () => {
      if (this.draining) return;
      this.draining = true;
      this.links.stop(this);
      for (const peer of this.peers) {
        if (peer.kind !== 'client') continue;
        peer.session.goaway(newSessionUri, Math.ceil(timeoutMs));
        peer.leaving = true;
        this.touch(peer);
      }
    });
  }

  /** No client session is left. */
  get idle(): boolean {
    return this.peers.size === this.upstreams.size;
  }

  /** Closes every session. */
  close(code: number, reason: string, nowMs: number): void {
    this.#enter(nowMs, () => {
      this.draining = true;
      this.links.stop(this);
      for (const peer of this.peers) {
        peer.session.close(code, reason);
        this.touch(peer);
      }
    });
  }

  // RelayContext, for the parts of the core.

  receiverSet(listener: SetListener): ReceiverSet {
    return this.#sets.open(listener);
  }

  touch(peer: Peer): void {
    this.#touched.add(peer);
  }

  upstreamUp(): void {
    this.links.up(this);
  }

  upstreamLost(): void {
    if (!this.draining) this.links.lost(this);
  }

  upstreamNotReached(): void {
    if (!this.draining) this.links.dialFailed(this);
  }

  upstreamLeaving(newSessionUri: string): void {
    if (!this.draining) this.links.leaving(this, newSessionUri);
  }

  #enter(nowMs: number, run: () => void): void {
    if (nowMs > this.nowMs) this.nowMs = nowMs;
    this.#depth++;
    try {
      run();
    } finally {
      this.#depth--;
    }
    if (this.#depth === 0) this.#flush();
  }

  /** Pumps the sessions that were given commands, until none is left; notices on the way may add to them. */
  #flush(): void {
    for (const peer of this.#touched) {
      this.#touched.delete(peer);
      this.#depth++;
      try {
        peer.port.pump();
      } finally {
        this.#depth--;
      }
      peer.unsentBytes = 0;
      this.#awaitDrain(peer);
    }
  }

  #awaitDrain(peer: Peer): void {
    if (peer.pausedFetches.size === 0) return;
    const { fetchBacklogBytes } = this.limits;
    if (peer.connection.backlogBytes() >= fetchBacklogBytes) peer.connection.notifyBacklogBelow(fetchBacklogBytes);
    else this.timers.schedule(peer.resumeTimer, this.nowMs + PAUSED_FETCH_MS);
  }

  #resume(peer: Peer): void {
    for (const fetch of [...peer.pausedFetches]) {
      peer.pausedFetches.delete(fetch);
      fetch.serve();
    }
    this.touch(peer);
  }

  /** Why one more client cannot come in; null: it can. */
  #refusal(): string | null {
    const { sessionsMax, sessionsPerSecondMax } = this.limits;
    if (this.peers.size > sessionsMax) return `relay has ${sessionsMax} sessions, its limit`;
    if (this.#admission.admit(this.nowMs)) return null;
    return `relay takes ${sessionsPerSecondMax} sessions per second, and more have come`;
  }

  #closed(peer: Peer): void {
    if (!this.peers.delete(peer)) return;
    this.upstreams.delete(peer);
    this.counters.sessions = this.peers.size;
    closePeer(this, peer);
  }
}
