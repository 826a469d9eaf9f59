import type { ObjectDatagram } from '../data/datagram.js';
import type { FullTrackName, TrackNamespace } from '../model/names.js';
import type {
  AuthorizationParameters,
  FetchParameters,
  PublishParameters,
  RequestUpdateParameters,
  SubscribeParameters,
  SubscribeTracksParameters,
} from '../model/parameters.js';
import type {
  FetchOk,
  FetchRange,
  PublishDone,
  PublishOk,
  RequestErrorInfo,
  RequestId,
  RequestOk,
  SubscribeOk,
} from '../model/requests.js';
import type { Vi64 } from '../model/vi64.js';
import type { Notice } from './notice.js';

export type * from '../model/objects.js';
export type * from '../model/parameters.js';
export type * from '../model/requests.js';
export type { Notice } from './notice.js';

/**
 * The sans-IO session: bytes and time in, actions out. It owns request state, stream state and limits of one MOQT
 * session, either role; what a track holds, who may read it and what is cached is the application's.
 *
 * After each `receive`, command or time-out the owner calls `next` until it returns false and carries out what it
 * yields; `drive` does so for a transport connection. The session never calls back.
 */
export interface Session {
  readonly role: 'client' | 'server';
  /** True once both SETUP messages have passed. */
  readonly established: boolean;
  receive(event: SessionEvent, nowMs: number): void;
  /** Fills `out` with the next action and returns true, or returns false. The same `out` may be used for every call. */
  next(out: Action): boolean;
  /** When `receive({ kind: 'timeout' })` is due, on the clock that `nowMs` comes from, or null. */
  nextTimeoutMs(): number | null;

  // Commands as requester. Each returns the Request ID at once; the answer comes as a notice that names it.
  subscribe(name: FullTrackName, parameters: SubscribeParameters): RequestId;
  fetch(range: FetchRange, parameters: FetchParameters): RequestId;
  publishNamespace(namespace: TrackNamespace, parameters?: AuthorizationParameters): RequestId;
  trackStatus(name: FullTrackName, parameters?: AuthorizationParameters): RequestId;
  /**
   * Starts a subscription for the peer, as publisher; answered by `publish-ok` or `request-error`, ended by
   * `publishDone`. `trackAlias`: from `trackAlias()`. `trackProperties`: encoded Key-Value-Pairs. Data may be sent at
   * once, unless `parameters.forward` is false (draft-18 §10.10). Throws RequestError with DUPLICATE_SUBSCRIPTION if the
   * peer has a subscription to the track, one whose notice is not taken yet included, and if the track was named in a
   * `publishBlocked` that still holds.
   */
  publish(
    name: FullTrackName,
    trackAlias: Vi64,
    parameters?: PublishParameters,
    trackProperties?: Uint8Array,
  ): RequestId;
  /** Asks for the namespaces under a prefix: `request-ok`, then `namespace` and `namespace-done` (draft-18 §10.18). */
  subscribeNamespace(prefix: TrackNamespace, parameters?: AuthorizationParameters): RequestId;
  /** Asks for a PUBLISH of each track under a prefix: `request-ok`, then `publish` and `publish-blocked` (draft-18 §10.19). */
  subscribeTracks(prefix: TrackNamespace, parameters?: SubscribeTracksParameters): RequestId;
  /**
   * REQUEST_UPDATE on a request of ours, or on a PUBLISH of the peer's that was accepted. Answered by `update-ok` or
   * `request-error`.
   */
  update(request: RequestId, parameters: RequestUpdateParameters): void;
  /** Cancels a request of ours (draft-18 §3.3.2). No notice about it follows. */
  cancel(request: RequestId): void;

  // Commands as responder to a request of the peer's; `request` is the Request ID of its notice.
  acceptSubscribe(request: RequestId, ok: SubscribeOk): void;
  /** REQUEST_OK for anything that has no response message of its own: namespaces, track status, updates. */
  acceptRequest(request: RequestId, ok?: RequestOk): void;
  acceptUpdate(request: RequestId, ok?: RequestOk): void;
  /**
   * A fetch or a namespace ends with it. For a subscription the application has to reset what it sends for it, and to
   * call `publishDone` with UPDATE_FAILED (draft-18 §10.9.1).
   */
  rejectUpdate(request: RequestId, error: RequestErrorInfo): void;
  reject(request: RequestId, error: RequestErrorInfo): void;
  acceptFetch(request: RequestId, ok: FetchOk): void;
  /** PUBLISH_DONE: ends a subscription that we serve. `streamCount`: data streams opened for it, all told. */
  publishDone(request: RequestId, done: PublishDone): void;
  /** Ends a request of the peer's without a message (a fetch that can't go on, a namespace no longer wanted). */
  abort(request: RequestId, code: number): void;
  /**
   * PUBLISH_OK. A SUBSCRIBE of ours to the same track that has no answer yet is given up before, which its
   * `request-error` with DUPLICATE_SUBSCRIPTION tells (draft-18 §5.1).
   */
  acceptPublish(request: RequestId, ok?: PublishOk): void;
  /**
   * NAMESPACE and NAMESPACE_DONE on an accepted SUBSCRIBE_NAMESPACE of the peer's. `namespace` is the whole one; it
   * throws RangeError if that does not start with the prefix. What the peer knows already is not said twice. After an
   * accepted update of the prefix, namespaces that it no longer covers count as never announced.
   */
  namespacePublished(request: RequestId, namespace: TrackNamespace): void;
  namespaceDone(request: RequestId, namespace: TrackNamespace): void;
  /**
   * PUBLISH_BLOCKED on an accepted SUBSCRIBE_TRACKS of the peer's: there is no stream for a PUBLISH of the track. From
   * then on `publish` refuses it, for as long as the SUBSCRIBE_TRACKS stands (draft-18 §6.1).
   */
  publishBlocked(request: RequestId, name: FullTrackName): void;
  /**
   * GOAWAY on one request of either side, once: the peer is to issue it anew at `newSessionUri`, or here if empty. After
   * `timeoutMs` the stream is reset with GOING_AWAY, and `request-error` or `cancelled` tells; 0: no time is stated.
   * Throws EncodeError for a uri from a client (draft-18 §10.4).
   */
  goawayRequest(request: RequestId, newSessionUri: string, timeoutMs: number): void;

  // Data that is written singly; fan-out goes through the transport's receiver sets and does not pass here.
  // `request`: a SUBSCRIBE of the peer's that was accepted, or a PUBLISH of ours.
  /** An Object as a datagram, which the transport drops if it is too large (draft-18 §11.3). Throws EncodeError. */
  sendDatagram(request: RequestId, datagram: Omit<ObjectDatagram, 'trackAlias'>): void;
  /** A subgroup stream for one subscriber: `head` is an encoded SUBGROUP_HEADER. Counted in `streamsOpened`. */
  openSubgroup(request: RequestId, head: Uint8Array, priority: number): DataStream;
  /** The response stream of a fetch; the session writes its FETCH_HEADER. */
  openFetch(request: RequestId, priority: number): DataStream;
  writeData(stream: DataStream, bytes: Uint8Array, fin: boolean): void;
  resetData(stream: DataStream, code: number): void;
  /** Moves a data stream among those of the session: lower numbers go first (draft-18 §7.1). */
  prioritizeData(stream: DataStream, priority: number): void;
  /** Data streams that `openSubgroup` has opened for a subscription. */
  streamsOpened(request: RequestId): number;
  /** An alias for a track towards this peer, never used before in this session (draft-18 §11.1): `preferred` if free. */
  trackAlias(preferred: Vi64): Vi64;

  /** Asks the peer to move: to `newSessionUri`, or to reconnect to the same address if empty. `timeoutMs` 0: none stated. */
  goaway(newSessionUri: string, timeoutMs: number): void;
  close(code: number, reason: string): void;
}

/** The session's own number of a data stream that it sends. */
export type DataStream = number;

/**
 * A stream as session and owner both know it: the transport's id (0 and up) for those of the peer, a negative number
 * that the session chose for its own.
 */
export type StreamKey = number;

/** What the transport has to say. The event may be one reused record: the session keeps none of it but the bytes that it copies. */
export type SessionEvent =
  | { readonly kind: 'connected' }
  | { readonly kind: 'opened'; readonly stream: StreamKey; readonly bidirectional: boolean }
  | { readonly kind: 'data'; readonly stream: StreamKey; readonly bytes: Uint8Array; readonly fin: boolean }
  | { readonly kind: 'reset'; readonly stream: StreamKey; readonly code: number }
  | { readonly kind: 'stop-sending'; readonly stream: StreamKey; readonly code: number }
  | { readonly kind: 'datagram'; readonly bytes: Uint8Array }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'closed'; readonly code: number | null; readonly reason: string; readonly remote: boolean };

/** One thing to do; fields that a kind does not name hold stale values. `bytes` belong to the receiver. */
export interface Action {
  kind:
    | 'open' // stream, bidirectional, priority; then as credit comes
    | 'write' // stream, bytes, fin
    | 'reset' // stream, code
    | 'stop-sending' // stream, code
    | 'prioritize' // stream, priority
    | 'datagram' // bytes
    | 'close' // code, reason
    | 'notice'; // notice
  stream: StreamKey;
  bidirectional: boolean;
  priority: number;
  bytes: Uint8Array;
  fin: boolean;
  code: number;
  reason: string;
  notice: Notice | null;
}
