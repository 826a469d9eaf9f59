import { unknownMandatoryProperty } from '../data/property-rules.js';
import { protocolViolation, SessionError, SessionTerminationCode } from '../errors.js';
import type { SessionLimits } from '../limits.js';
import { REQUEST_FIRST, type RequestKind } from '../messages/context.js';
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
import type { OwnPublication } from './own-publication.js';
import type { OwnRequest } from './own-request.js';
import type { PeerRequest } from './peer-request.js';
import type { PeerSubscription } from './peer-subscription.js';
import { PrefixClaims } from './prefix-claims.js';
import type { Reception } from './reception.js';
import { PeerRequestIds } from './request-ids.js';
import { SubscriberTracks } from './subscriber-tracks.js';
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
  /** What we receive as subscriber, by the alias that the peer chose. */
  readonly aliases = new Map<Vi64, Reception>();
  /** The tracks that we subscribe to, whichever side started it. */
  readonly subscriberTracks = new SubscriberTracks();
  readonly unknownAliases: UnknownAliases;
  /** Requests of the peer's that are not over. */
  readonly peers = new Map<RequestId, PeerRequest>();
  /** Subscriptions that we are the publisher of, by Full Track Name: one at most for each (draft-18 §5.1). */
  readonly publisherTracks = new Map<string, PeerSubscription | OwnPublication>();
  /** Prefixes of the peer's; the two kinds do not touch each other (draft-18 §10.18). */
  readonly namespacePrefixes: PrefixClaims;
  readonly trackPrefixes: PrefixClaims;
  /** Tracks that were named in PUBLISH_BLOCKED, by Full Track Name, with the SUBSCRIBE_TRACKS that they were named on. */
  readonly blockedTracks = new Map<string, object>();
  readonly joiningFetches: JoiningFetches;
  readonly peerIds: PeerRequestIds;
  readonly tokens: TokenCache;
  /** Bytes that wait for SETUP or for a Track Alias. */
  readonly held: ByteBudget;
  /** Messages on request streams that have come in part. */
  readonly partial: ByteBudget;
  /** Data of PUBLISHes that the application has not answered. */
  readonly unanswered: ByteBudget;
  /** Namespaces that the peer has announced under SUBSCRIBE_NAMESPACEs of ours. */
  readonly namespaces: ByteBudget;
  nowMs = 0;
  established = false;
  ended = false;
  goawaySent = false;
  nextRequestId: RequestId;
  readonly #understood: ReadonlySet<number>;
  #nextStream: StreamKey = -1;

  /** `tokenCacheBytes`: what our SETUP offers. `understood`: Mandatory Track Properties that the application knows. */
  constructor(
    role: 'client' | 'server',
    profile: Profile,
    limits: SessionLimits,
    tokenCacheBytes: number,
    understood: ReadonlySet<number>,
  ) {
    this.role = role;
    this.profile = profile;
    this.limits = limits;
    this.#understood = understood;
    this.held = new ByteBudget(limits.heldBytesMax);
    this.partial = new ByteBudget(limits.partialMessageBytesMax);
    this.unanswered = new ByteBudget(limits.unansweredPublishBytesMax);
    this.namespaces = new ByteBudget(limits.namespaceBytesMax);
    this.namespacePrefixes = new PrefixClaims(limits.prefixesMax);
    this.trackPrefixes = new PrefixClaims(limits.prefixesMax);
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

  /** Draft-18 §10.6.1; `kind`: of the request that is redirected. */
  checkRedirect({ redirect }: RequestErrorInfo, kind: RequestKind): void {
    if (redirect === undefined) return;
    if (this.role === 'server' && redirect.connectUri !== '') {
      throw protocolViolation('REDIRECT of a client names a connect uri');
    }
    const forNamespace = kind === 'subscribe-namespace' || kind === 'publish-namespace';
    if (forNamespace && redirect.name.name.length > 0) throw protocolViolation(`REDIRECT of ${kind} names a track`);
  }

  /** Why a track with these properties must not be processed, or null (draft-18 §2.5.1). */
  unsupported(trackProperties: Uint8Array | undefined): string | null {
    if (trackProperties === undefined) return null;
    const type = unknownMandatoryProperty(trackProperties, this.#understood);
    return type === null ? null : `track has mandatory property ${type}, which is not understood`;
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
    this.notice({ kind: 'closed', code, reason, remote });
    const requests = [this.streams, this.own, this.ownFetches, this.aliases, this.peers, this.publisherTracks];
    const tracks = [this.subscriberTracks, this.namespacePrefixes, this.trackPrefixes, this.blockedTracks];
    for (const table of [...requests, ...tracks, this.deadlines, this.unknownAliases, this.joiningFetches, this.tokens])
      table.clear();
    for (const budget of [this.held, this.partial, this.unanswered, this.namespaces]) budget.clear();
  }
}
