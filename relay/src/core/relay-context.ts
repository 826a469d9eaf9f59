import type { Connection, ReceiverSet } from '@higgins/transport';
import type { Announcements } from './announcements.js';
import type { Authorizer } from './authorizer.js';
import type { CacheBudget } from './cache/budget.js';
import type { Counters } from './counters.js';
import type { Interests } from './discovery/interests.js';
import type { KnownNamespaces } from './discovery/known-namespaces.js';
import type { UpstreamInterests } from './discovery/upstream-interests.js';
import type { RelayLimits } from './limits.js';
import type { Peer } from './peer.js';
import type { TimerWheel } from './timer-wheel.js';
import type { TrackTable } from './track-table.js';

/** What a receiver set of the core is told by the transport, through `RelayCore`. */
export interface SetListener {
  missed(receiver: Connection, key: number): void;
  drained(receiver: Connection): void;
}

/** What every part of the core shares. The core sets the time before it calls any of them. */
export interface RelayContext {
  /** Milliseconds on a clock that never steps. */
  readonly nowMs: number;
  /** What to add to `nowMs` for milliseconds since 1970. */
  readonly wallOffsetMs: number;
  readonly limits: RelayLimits;
  readonly counters: Counters;
  readonly authorizer: Authorizer;
  readonly timers: TimerWheel;
  readonly budget: CacheBudget;
  readonly tracks: TrackTable;
  readonly announcements: Announcements;
  /** What is published, as far as is known. */
  readonly namespaces: KnownNamespaces;
  /** Who wants to hear of it. */
  readonly interests: Interests;
  readonly upstreamInterests: UpstreamInterests;
  /** Sessions that this relay has dialled. */
  readonly upstreams: ReadonlySet<Peer>;
  /** No new requests are taken. */
  readonly draining: boolean;
  /** A number in [0, 1). */
  random(): number;
  /** Makes a receiver set whose events go to `listener` until the set is closed. */
  receiverSet(listener: SetListener): ReceiverSet;
  /** An upstream session is up. */
  upstreamUp(): void;
  /** It is lost: the next one is dialled. */
  upstreamLost(): void;
  /** An attempt to dial one failed, or its session ended before it was up. */
  upstreamNotReached(): void;
  /** It asked us to go: the next one is dialled, while it still serves. */
  upstreamLeaving(newSessionUri: string): void;
  /** Commands were given to the peer's session; it is pumped when the current call is over. */
  touch(peer: Peer): void;
}
