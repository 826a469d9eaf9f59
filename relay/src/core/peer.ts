import type { AuthorizationToken, RequestId, Session } from '@higgins/protocol';
import type { Connection } from '@higgins/transport';
import type { Announcement, PassedAnnouncement } from './announcements.js';
import type { Principal } from './authorizer.js';
import type { Interest, TrackInterest } from './discovery/interests.js';
import type { UpstreamInterest } from './discovery/upstream-interests.js';
import type { FetchResponse } from './downstream/fetch-response.js';
import type { Subscription } from './downstream/subscription.js';
import { type WheelTimer, wheelTimer } from './timer-wheel.js';
import type { Track } from './track.js';
import type { StatusQuery } from './track-status.js';
import type { Fill } from './upstream/fill.js';
import type { Source } from './upstream/source.js';

/** A session and what carries it; owned by whoever opened it. */
export interface PeerPort {
  readonly session: Session;
  readonly connection: Connection;
  /** Carries out what the session wants done. */
  pump(): void;
  /** Bytes that the session has written but the transport has not taken, for want of stream credit. */
  waitingBytes(): number;
  /** Requests of ours that wait for stream credit. */
  waitingRequests(): number;
}

/** A request that this relay has made at a peer, or a PUBLISH of the peer's, whose data comes in the same way. */
export type OwnRequest = Source | Fill | PassedAnnouncement | StatusQuery | UpstreamInterest | Subscription;

/** One session: a client (publisher, subscriber, relay further down) or an upstream that this relay has dialled. */
export class Peer {
  readonly id: number;
  readonly kind: 'client' | 'upstream';
  readonly port: PeerPort;
  principal: Principal;
  /** SETUP has passed and the authorizer let it in. */
  admitted = false;
  /** It asked us to go, or we asked it: no new requests are sent to it. */
  leaving = false;
  /** What the peer gets: its SUBSCRIBEs, and PUBLISHes of ours. */
  readonly subscriptions = new Map<RequestId, Subscription>();
  /** The same by Full Track Name, since each track may be subscribed once (draft-18 §5.1). */
  readonly subscriptionsByTrack = new Map<string, Subscription>();
  readonly fetches = new Map<RequestId, FetchResponse>();
  readonly announcements = new Map<RequestId, Announcement>();
  readonly interests = new Map<RequestId, Interest>();
  /** PUBLISHes of the peer's that stand. */
  publications = 0;
  /** Tracks of which a PUBLISH is still to be sent, with the interest that it follows from; null: an upstream's. */
  readonly offers = new Map<Track, TrackInterest | null>();
  /** PUBLISHes that were sent since `offerTimer` ran last. */
  offersThisTurn = 0;
  readonly statusQueries = new Map<RequestId, StatusQuery>();
  /** Fetches that wait until the receiver has less outstanding. */
  readonly pausedFetches = new Set<FetchResponse>();
  /** Written to the session since it was pumped last: not in the transport's backlog yet. */
  unsentBytes = 0;
  /** Requests of ours, and PUBLISHes of the peer's. */
  readonly requests = new Map<RequestId, OwnRequest>();

  /** Resumes paused fetches where no event of the transport does. */
  readonly resumeTimer: WheelTimer;

  /** Goes on with `offers`. */
  readonly offerTimer: WheelTimer;

  constructor(
    id: number,
    kind: 'client' | 'upstream',
    port: PeerPort,
    timers: { resume: (peer: Peer) => void; offer: (peer: Peer) => void },
  ) {
    this.resumeTimer = wheelTimer(() => timers.resume(this));
    this.offerTimer = wheelTimer(() => timers.offer(this));
    this.id = id;
    this.kind = kind;
    this.port = port;
    const { certificate, certificateError } = port.connection.peer;
    this.principal = { certificate: certificateError === null ? certificate : null, certificateError, tokens: [] };
  }

  /** Requests may be sent to it. */
  get usable(): boolean {
    return this.admitted && !this.leaving && this.port.session.established;
  }

  /** Bytes that the peer has not acknowledged, or that are not even sent. */
  get outstandingBytes(): number {
    return this.connection.backlogBytes() + this.port.waitingBytes() + this.unsentBytes;
  }

  get session(): Session {
    return this.port.session;
  }

  get connection(): Connection {
    return this.port.connection;
  }

  /** Adds what the SETUP message brought. */
  present(tokens: readonly AuthorizationToken[]): void {
    this.principal = { ...this.principal, tokens };
  }
}
