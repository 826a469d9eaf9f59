import type { ObjectDatagram } from '../data/datagram.js';
import { encodeFetchHeader } from '../data/fetch.js';
import { SessionError, SessionTerminationCode } from '../errors.js';
import { DEFAULT_LIMITS, type SessionLimits } from '../limits.js';
import type { FullTrackName, TrackNamespace } from '../model/names.js';
import type { Vi64 } from '../model/vi64.js';
import type { Profile } from '../profiles/profile.js';
import type {
  Action,
  DataStream,
  FetchOk,
  PublishDone,
  PublishOk,
  RequestErrorInfo,
  RequestId,
  RequestOk,
  RequestUpdateParameters,
  Session,
  SessionEvent,
  SetupOptions,
  SubscribeOk,
} from './contract.js';
import { ControlStreams } from './control-streams.js';
import { DataSender } from './data-sender.js';
import { Incoming } from './incoming.js';
import { OwnPublication } from './own-publication.js';
import { PeerAnnouncement } from './peer-announcement.js';
import { PeerFetch } from './peer-fetch.js';
import { PeerNamespaceSubscription } from './peer-namespace-subscription.js';
import { PeerPrefixRequest } from './peer-prefix-request.js';
import { PeerPublication } from './peer-publication.js';
import type { PeerRequest } from './peer-request.js';
import { PeerSubscription } from './peer-subscription.js';
import { PeerTrackStatus } from './peer-track-status.js';
import { PeerTracksSubscription } from './peer-tracks-subscription.js';
import { Requester } from './requester.js';
import { SessionState } from './state.js';
import { TrackAliases } from './track-aliases.js';

/** What a session is made of. */
export interface SessionConfig {
  readonly role: 'client' | 'server';
  /** The draft that the transport negotiated. */
  readonly profile: Profile;
  /**
   * What our SETUP says. A client on raw QUIC gives `path` and `authority`, nobody else does. Default for
   * `maxAuthTokenCacheSizeBytes`: the limit's.
   */
  readonly setup: SetupOptions;
  /** Whether the transport is WebTransport, where `path` and `authority` of a peer's SETUP are an error. Default false. */
  readonly overWebTransport?: boolean;
  /** Default: `DEFAULT_LIMITS`, field by field. */
  readonly limits?: Partial<SessionLimits>;
  /**
   * Mandatory Track Properties that the application understands. Tracks with others are refused with
   * UNSUPPORTED_EXTENSION (draft-18 §2.5.1). Default: none.
   */
  readonly mandatoryTrackProperties?: ReadonlySet<number>;
}

/** How much a session holds. */
export interface SessionUsage {
  readonly streams: number;
  readonly requests: number;
  readonly subscriptions: number;
  readonly prefixes: number;
  readonly fetches: number;
  readonly waitingStreams: number;
  readonly heldBytes: number;
  readonly deadlines: number;
  readonly actions: number;
}

/** Makes a session for a new connection; its first actions open the control stream and send SETUP. */
export function createSession(config: SessionConfig): Session {
  return new MoqtSession(config);
}

/** The session of one draft profile; `createSession` makes it. */
export class MoqtSession extends Requester implements Session {
  readonly #control: ControlStreams;
  readonly #aliases = new TrackAliases();
  readonly #incoming: Incoming;

  constructor(config: SessionConfig) {
    const limits = { ...DEFAULT_LIMITS, ...config.limits };
    const { maxAuthTokenCacheSizeBytes = limits.tokenCacheBytesMax } = config.setup;
    const understood = config.mandatoryTrackProperties ?? new Set();
    super(new SessionState(config.role, config.profile, limits, maxAuthTokenCacheSizeBytes, understood));
    const setup = { ...config.setup, maxAuthTokenCacheSizeBytes };
    this.#control = new ControlStreams(this.state, setup, config.overWebTransport ?? false, () =>
      this.#incoming.release(),
    );
    this.#incoming = new Incoming(this.state, this.#control);
  }

  get role(): 'client' | 'server' {
    return this.state.role;
  }

  get established(): boolean {
    return this.state.established && !this.state.ended;
  }

  /** What the session holds at this moment, in entries and bytes; all 0 once every request and stream is over. */
  get usage(): SessionUsage {
    const state = this.state;
    return {
      // The control streams stay as long as the session.
      streams: state.streams.size - this.#control.open,
      requests: state.own.size + state.peers.size,
      subscriptions: state.aliases.size + state.publisherTracks.size + state.subscriberTracks.size,
      prefixes: state.namespacePrefixes.size + state.trackPrefixes.size + state.blockedTracks.size,
      fetches: state.ownFetches.size + state.joiningFetches.size,
      waitingStreams: state.unknownAliases.size,
      heldBytes: state.held.used + state.partial.used + state.unanswered.used + state.namespaces.used,
      deadlines: state.deadlines.size,
      actions: state.actions.size,
    };
  }

  receive(event: SessionEvent, nowMs: number): void {
    const state = this.state;
    if (state.ended) return;
    state.nowMs = nowMs;
    try {
      this.#incoming.take(event);
    } catch (error) {
      if (error instanceof SessionError) state.close(error.code, error.message);
      else {
        // A fault of ours must not reach the owner as the peer's doing, and the session's state can't be trusted.
        state.close(SessionTerminationCode.INTERNAL_ERROR, `internal error: ${String(error)}`);
      }
    }
  }

  next(out: Action): boolean {
    return this.state.actions.take(out);
  }

  nextTimeoutMs(): number | null {
    return this.state.deadlines.nextMs();
  }

  update(request: RequestId, parameters: RequestUpdateParameters): void {
    const own = this.state.own.get(request);
    if (own !== undefined) own.update(parameters);
    else this.#peer(request, PeerPublication)?.update(parameters);
  }

  acceptSubscribe(request: RequestId, ok: SubscribeOk): void {
    this.#peer(request, PeerSubscription)?.acceptSubscribe(ok);
  }

  acceptRequest(request: RequestId, ok: RequestOk = {}): void {
    const peer = this.state.peers.get(request);
    if (peer instanceof PeerTrackStatus || peer instanceof PeerPrefixRequest) peer.acceptRequest(ok);
    else this.#peer(request, PeerAnnouncement)?.acceptRequest(ok);
  }

  acceptUpdate(request: RequestId, ok: RequestOk = {}): void {
    (this.#publication(request) ?? this.state.peers.get(request))?.acceptUpdate(ok);
  }

  rejectUpdate(request: RequestId, error: RequestErrorInfo): void {
    (this.#publication(request) ?? this.state.peers.get(request))?.rejectUpdate(error);
  }

  reject(request: RequestId, error: RequestErrorInfo): void {
    this.state.peers.get(request)?.reject(error);
  }

  acceptFetch(request: RequestId, ok: FetchOk): void {
    this.#peer(request, PeerFetch)?.acceptFetch(ok);
  }

  acceptPublish(request: RequestId, ok: PublishOk = {}): void {
    this.#peer(request, PeerPublication)?.acceptPublish(ok);
  }

  namespacePublished(request: RequestId, namespace: TrackNamespace): void {
    this.#peer(request, PeerNamespaceSubscription)?.published(namespace);
  }

  namespaceDone(request: RequestId, namespace: TrackNamespace): void {
    this.#peer(request, PeerNamespaceSubscription)?.done(namespace);
  }

  publishBlocked(request: RequestId, name: FullTrackName): void {
    this.#peer(request, PeerTracksSubscription)?.publishBlocked(name);
  }

  goawayRequest(request: RequestId, newSessionUri: string, timeoutMs: number): void {
    (this.state.own.get(request) ?? this.state.peers.get(request))?.goaway(newSessionUri, timeoutMs);
  }

  publishDone(request: RequestId, done: PublishDone): void {
    this.#served(request)?.publishDone(done);
  }

  abort(request: RequestId, code: number): void {
    this.state.peers.get(request)?.abort(code);
  }

  openSubgroup(request: RequestId, head: Uint8Array, priority: number): DataStream {
    return this.#served(request)?.openData(head, priority) ?? NO_STREAM;
  }

  sendDatagram(request: RequestId, datagram: Omit<ObjectDatagram, 'trackAlias'>): void {
    this.#served(request)?.sendDatagram(datagram);
  }

  openFetch(request: RequestId, priority: number): DataStream {
    return this.#peer(request, PeerFetch)?.openData(encodeFetchHeader(request), priority) ?? NO_STREAM;
  }

  writeData(stream: DataStream, bytes: Uint8Array, fin: boolean): void {
    const sender = this.state.streams.get(stream);
    if (sender instanceof DataSender) sender.write(bytes, fin);
  }

  resetData(stream: DataStream, code: number): void {
    const sender = this.state.streams.get(stream);
    if (sender instanceof DataSender) sender.abandon(code);
  }

  prioritizeData(stream: DataStream, priority: number): void {
    if (this.state.streams.get(stream) instanceof DataSender) this.state.actions.prioritize(stream, priority);
  }

  streamsOpened(request: RequestId): number {
    return this.#served(request)?.streamsOpened ?? 0;
  }

  trackAlias(preferred: Vi64): Vi64 {
    return this.#aliases.take(preferred);
  }

  goaway(newSessionUri: string, timeoutMs: number): void {
    if (!this.state.ended) this.#control.goaway(newSessionUri, timeoutMs);
  }

  close(code: number, reason: string): void {
    this.state.close(code, reason);
  }

  #publication(request: RequestId): OwnPublication | undefined {
    const own = this.state.own.get(request);
    return own instanceof OwnPublication ? own : undefined;
  }

  /** A subscription that we are the publisher of, if it is still open. */
  #served(request: RequestId): OwnPublication | PeerSubscription | undefined {
    return this.#publication(request) ?? this.#peer(request, PeerSubscription);
  }

  /** The request if it is still open; one of another kind is the caller's mistake and throws. */
  #peer<R extends PeerRequest>(request: RequestId, kind: abstract new (...args: never[]) => R): R | undefined {
    const peer = this.state.peers.get(request);
    if (peer === undefined || peer instanceof kind) return peer;
    throw new TypeError(`request ${request} is another kind of request than the command is for`);
  }
}

/** A stream of a request that is over by now: writes to it go nowhere. */
const NO_STREAM: DataStream = 0;
