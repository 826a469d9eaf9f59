import { encodeFetchHeader } from '../data/fetch.js';
import { SessionError, SessionTerminationCode, StreamResetCode } from '../errors.js';
import { DEFAULT_LIMITS, type SessionLimits } from '../limits.js';
import type { FullTrackName, TrackNamespace } from '../model/names.js';
import type { Vi64 } from '../model/vi64.js';
import type { Profile } from '../profiles/profile.js';
import type {
  Action,
  AuthorizationParameters,
  DataStream,
  FetchOk,
  FetchParameters,
  FetchRange,
  PublishDone,
  RequestErrorInfo,
  RequestId,
  RequestOk,
  RequestUpdateParameters,
  Session,
  SessionEvent,
  SetupOptions,
  SubscribeOk,
  SubscribeParameters,
} from './contract.js';
import { ControlStreams } from './control-streams.js';
import { DataSender } from './data-sender.js';
import { Incoming } from './incoming.js';
import { OwnAnnouncement } from './own-announcement.js';
import { OwnFetch } from './own-fetch.js';
import { OwnSubscription } from './own-subscription.js';
import { OwnTrackStatus } from './own-track-status.js';
import { PeerAnnouncement } from './peer-announcement.js';
import { PeerFetch } from './peer-fetch.js';
import type { PeerRequest } from './peer-request.js';
import { PeerSubscription } from './peer-subscription.js';
import { PeerTrackStatus } from './peer-track-status.js';
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
}

/** How much a session holds. */
export interface SessionUsage {
  readonly streams: number;
  readonly requests: number;
  readonly subscriptions: number;
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
export class MoqtSession implements Session {
  readonly #state: SessionState;
  readonly #control: ControlStreams;
  readonly #aliases = new TrackAliases();
  readonly #incoming: Incoming;

  constructor(config: SessionConfig) {
    const limits = { ...DEFAULT_LIMITS, ...config.limits };
    const { maxAuthTokenCacheSizeBytes = limits.tokenCacheBytesMax } = config.setup;
    this.#state = new SessionState(config.role, config.profile, limits, maxAuthTokenCacheSizeBytes);
    const setup = { ...config.setup, maxAuthTokenCacheSizeBytes };
    this.#control = new ControlStreams(this.#state, setup, config.overWebTransport ?? false, () =>
      this.#incoming.release(),
    );
    this.#incoming = new Incoming(this.#state, this.#control);
  }

  get role(): 'client' | 'server' {
    return this.#state.role;
  }

  get established(): boolean {
    return this.#state.established && !this.#state.ended;
  }

  /** What the session holds at this moment, in entries and bytes; all 0 once every request and stream is over. */
  get usage(): SessionUsage {
    const state = this.#state;
    return {
      // The control streams stay as long as the session.
      streams: state.streams.size - this.#control.open,
      requests: state.own.size + state.peers.size,
      subscriptions: state.aliases.size + state.peerSubscriptions.size + state.subscriptionsPending,
      fetches: state.ownFetches.size + state.joiningFetches.size,
      waitingStreams: state.unknownAliases.size,
      heldBytes: state.held.used,
      deadlines: state.deadlines.size,
      actions: state.actions.size,
    };
  }

  receive(event: SessionEvent, nowMs: number): void {
    const state = this.#state;
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
    return this.#state.actions.take(out);
  }

  nextTimeoutMs(): number | null {
    return this.#state.deadlines.nextMs();
  }

  subscribe(name: FullTrackName, parameters: SubscribeParameters): RequestId {
    const bytes = this.#state.encodeRequest((requestId) => ({ kind: 'subscribe', requestId, name, parameters }));
    return this.#opened((id) => new OwnSubscription(this.#state, id, bytes, parameters));
  }

  fetch(range: FetchRange, parameters: FetchParameters): RequestId {
    const bytes = this.#state.encodeRequest((requestId) => ({ kind: 'fetch', requestId, range, parameters }));
    return this.#opened((id) => new OwnFetch(this.#state, id, bytes, range, parameters));
  }

  publishNamespace(namespace: TrackNamespace, parameters: AuthorizationParameters = {}): RequestId {
    const bytes = this.#state.encodeRequest((requestId) => ({
      kind: 'publish-namespace',
      requestId,
      namespace,
      parameters,
    }));
    return this.#opened((id) => new OwnAnnouncement(this.#state, id, bytes));
  }

  trackStatus(name: FullTrackName, parameters: AuthorizationParameters = {}): RequestId {
    const bytes = this.#state.encodeRequest((requestId) => ({ kind: 'track-status', requestId, name, parameters }));
    return this.#opened((id) => new OwnTrackStatus(this.#state, id, bytes));
  }

  update(request: RequestId, parameters: RequestUpdateParameters): void {
    this.#state.own.get(request)?.update(parameters);
  }

  cancel(request: RequestId): void {
    this.#state.own.get(request)?.cancel(StreamResetCode.CANCELLED);
  }

  acceptSubscribe(request: RequestId, ok: SubscribeOk): void {
    this.#peer(request, PeerSubscription)?.acceptSubscribe(ok);
  }

  acceptRequest(request: RequestId, ok: RequestOk = {}): void {
    const peer = this.#state.peers.get(request);
    if (peer instanceof PeerTrackStatus) peer.acceptRequest(ok);
    else this.#peer(request, PeerAnnouncement)?.acceptRequest(ok);
  }

  acceptUpdate(request: RequestId, ok: RequestOk = {}): void {
    this.#state.peers.get(request)?.acceptUpdate(ok);
  }

  rejectUpdate(request: RequestId, error: RequestErrorInfo): void {
    this.#state.peers.get(request)?.rejectUpdate(error);
  }

  reject(request: RequestId, error: RequestErrorInfo): void {
    this.#state.peers.get(request)?.reject(error);
  }

  acceptFetch(request: RequestId, ok: FetchOk): void {
    this.#peer(request, PeerFetch)?.acceptFetch(ok);
  }

  publishDone(request: RequestId, done: PublishDone): void {
    this.#peer(request, PeerSubscription)?.publishDone(done);
  }

  abort(request: RequestId, code: number): void {
    this.#state.peers.get(request)?.abort(code);
  }

  openSubgroup(request: RequestId, head: Uint8Array, priority: number): DataStream {
    return this.#peer(request, PeerSubscription)?.openData(head, priority) ?? NO_STREAM;
  }

  openFetch(request: RequestId, priority: number): DataStream {
    return this.#peer(request, PeerFetch)?.openData(encodeFetchHeader(request), priority) ?? NO_STREAM;
  }

  writeData(stream: DataStream, bytes: Uint8Array, fin: boolean): void {
    const sender = this.#state.streams.get(stream);
    if (sender instanceof DataSender) sender.write(bytes, fin);
  }

  resetData(stream: DataStream, code: number): void {
    const sender = this.#state.streams.get(stream);
    if (sender instanceof DataSender) sender.abandon(code);
  }

  streamsOpened(request: RequestId): number {
    return this.#peer(request, PeerSubscription)?.streamsOpened ?? 0;
  }

  trackAlias(preferred: Vi64): Vi64 {
    return this.#aliases.take(preferred);
  }

  goaway(newSessionUri: string, timeoutMs: number): void {
    if (!this.#state.ended) this.#control.goaway(newSessionUri, timeoutMs);
  }

  close(code: number, reason: string): void {
    this.#state.close(code, reason);
  }

  #opened(make: (id: RequestId) => { readonly id: RequestId }): RequestId {
    const id = this.#state.nextRequestId - 2;
    // After the end the ID is as good as that of a request which is never answered.
    return this.#state.ended ? id : make(id).id;
  }

  /** The request if it is still open; one of another kind is the caller's mistake and throws. */
  #peer<R extends PeerRequest>(request: RequestId, kind: abstract new (...args: never[]) => R): R | undefined {
    const peer = this.#state.peers.get(request);
    if (peer === undefined || peer instanceof kind) return peer;
    throw new TypeError(`request ${request} is another kind of request than the command is for`);
  }
}

/** A stream of a request that is over by now: writes to it go nowhere. */
const NO_STREAM: DataStream = 0;
