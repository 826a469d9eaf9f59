import { protocolViolation, RequestErrorCode, SessionError, SessionTerminationCode } from '../errors.js';
import type { SessionLimits } from '../limits.js';
import { REQUEST_FIRST } from '../messages/context.js';
import { encodeMessage } from '../messages/frame.js';
import type { Message, MessageContext } from '../messages/message.js';
import type { Vi64 } from '../model/vi64.js';
import type { Profile } from '../profiles/profile.js';
import { ActionQueue } from './action-queue.js';
import type { Notice, RequestErrorInfo, RequestId, StreamKey } from './contract.js';
import { type Deadline, Deadlines } from './deadlines.js';
import { ByteBudget } from './held-bytes.js';
import { JoiningFetches } from './joining-fetches.js';
import type { OwnFetch } from './own-fetch.js';
import type { OwnRequest } from './own-request.js';
import type { OwnSubscription } from './own-subscription.js';
import type { PeerRequest } from './peer-request.js';
import type { PeerSubscription } from './peer-subscription.js';
import { PeerRequestIds } from './request-ids.js';
import { TokenCache } from './tokens.js';
import { UnknownAliases } from './unknown-aliases.js';

/** Takes what the transport tells of one stream. A stream without a handler is one that the session is done with. */
export interface StreamHandler {
  /** `bytes` are valid during the call only. */
  data(bytes: Uint8Array, fin: boolean): void;
  reset(code: number): void;
  stopSending(code: number): void;
}

/** The tables and queues of one session, shared by its parts. */
export class SessionState {
  readonly role: 'client' | 'server';
  readonly profile: Profile;
  readonly limits: SessionLimits;
  readonly actions = new ActionQueue();
  readonly deadlines = new Deadlines();
  readonly streams = new Map<StreamKey, StreamHandler>();
  /** Requests of ours that are not over. */
  readonly own = new Map<RequestId, OwnRequest>();
  readonly ownFetches = new Map<RequestId, OwnFetch>();
  /** Subscriptions of ours by the alias that the peer chose. */
  readonly aliases = new Map<Vi64, OwnSubscription>();
  /** Subscriptions of ours that have no response yet. */
  subscriptionsPending = 0;
  readonly unknownAliases: UnknownAliases;
  /** Requests of the peer's that are not over. */
  readonly peers = new Map<RequestId, PeerRequest>();
  /** Subscriptions of the peer's by Full Track Name: one at most for each (draft-18 §5.1). */
  readonly peerSubscriptions = new Map<string, PeerSubscription>();
  readonly joiningFetches: JoiningFetches;
  readonly peerIds: PeerRequestIds;
  readonly tokens: TokenCache;
  /** Bytes that wait for SETUP or for a Track Alias. */
  readonly held: ByteBudget;
  nowMs = 0;
  established = false;
  ended = false;
  goawaySent = false;
  nextRequestId: RequestId;
  #nextStream: StreamKey = -1;

  /** `tokenCacheBytes`: what our SETUP offers. */
  constructor(role: 'client' | 'server', profile: Profile, limits: SessionLimits, tokenCacheBytes: number) {
    this.role = role;
    this.profile = profile;
    this.limits = limits;
    this.held = new ByteBudget(limits.heldBytesMax);
    this.tokens = new TokenCache(tokenCacheBytes);
    this.unknownAliases = new UnknownAliases(this);
    this.joiningFetches = new JoiningFetches(this);
    this.nextRequestId = role === 'client' ? 0 : 1;
    this.peerIds = new PeerRequestIds(role === 'client' ? 1 : 0, limits.requestIdGapsMax);
  }

  /** Opens a stream of ours; `handler` takes what comes back on it. */
  openStream(bidirectional: boolean, priority: number, handler: StreamHandler): StreamKey {
    const stream = this.#nextStream--;
    this.streams.set(stream, handler);
    this.actions.open(stream, bidirectional, priority);
    return stream;
  }

  encode(message: Message, context: MessageContext): Uint8Array {
    return encodeMessage(this.profile, message, context);
  }

  /** Encodes a message that takes our next Request ID; none is used up if it throws EncodeError. */
  encodeRequest(make: (requestId: RequestId) => Message, context: MessageContext = REQUEST_FIRST): Uint8Array {
    const bytes = this.encode(make(this.nextRequestId), context);
    this.nextRequestId += 2;
    return bytes;
  }

  notice(notice: Notice): void {
    this.actions.notice(notice);
  }

  after(ms: number, run: (nowMs: number) => void): Deadline {
    return this.deadlines.add(this.nowMs + ms, run);
  }

  /** Records the ID of a request or update of the peer's; throws INVALID_REQUEST_ID (draft-18 §10.1). */
  takePeerRequestId(id: Vi64): RequestId {
    const fault = this.peerIds.take(id);
    if (fault === null) return Number(id);
    const text = `request id ${id} of the ${this.role === 'client' ? 'server' : 'client'} is refused: ${fault}`;
    throw new SessionError(SessionTerminationCode.INVALID_REQUEST_ID, text);
  }

  /** A client can't tell a server where to connect to (draft-18 §10.4). */
  checkGoawayUri(uri: string): void {
    if (this.role === 'server' && uri !== '') throw protocolViolation('GOAWAY of a client names a session uri');
  }

  /** Draft-18 §10.6.1. */
  checkRedirect(error: RequestErrorInfo): void {
    if (this.role !== 'server' || error.code !== RequestErrorCode.REDIRECT) return;
    if (error.redirect?.connectUri) throw protocolViolation('REDIRECT of a client names a connect uri');
  }

  /** Ends the session with a termination code (draft-18 §3.5); everything is forgotten. */
  close(code: number, reason: string): void {
    if (this.ended) return;
    this.actions.close(code, reason);
    this.end(code, reason, false);
  }

  /** The last notice; afterwards nothing is taken any more. */
  end(code: number | null, reason: string, remote: boolean): void {
    if (this.ended) return;
    this.ended = true;
    this.subscriptionsPending = 0;
    this.notice({ kind: 'closed', code, reason, remote });
    const tables = [this.streams, this.own, this.ownFetches, this.aliases, this.peers, this.peerSubscriptions];
    for (const table of [...tables, this.deadlines, this.unknownAliases, this.joiningFetches, this.tokens])
      table.clear();
    this.held.clear();
  }
}
