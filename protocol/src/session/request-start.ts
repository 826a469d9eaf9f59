import { protocolViolation, RequestError, RequestErrorCode, StreamResetCode } from '../errors.js';
import { REQUEST_FIRST, type RequestKind, requestContext } from '../messages/context.js';
import type { Message } from '../messages/message.js';
import type { TrackNamespace } from '../model/names.js';
import { isReservedNamespace } from '../model/reserved-names.js';
import type { RequestErrorInfo, StreamKey } from './contract.js';
import type { Deadline } from './deadlines.js';
import { HeldBytes } from './held-bytes.js';
import { PeerAnnouncement } from './peer-announcement.js';
import { PeerFetch } from './peer-fetch.js';
import { PeerNamespaceSubscription } from './peer-namespace-subscription.js';
import { PeerPublication } from './peer-publication.js';
import type { OpenedRequest } from './peer-request.js';
import { PeerSubscription } from './peer-subscription.js';
import { PeerTrackStatus } from './peer-track-status.js';
import { PeerTracksSubscription } from './peer-tracks-subscription.js';
import { RequestMessages } from './request-messages.js';
import type { SessionState, StreamHandler } from './state.js';
import type { ResolvedParameters } from './tokens.js';

type RequestMessage = Extract<Message, { kind: RequestKind }>;

/** Takes over the stream of a request whose first message is `message`; throws RequestError to reject it. */
type RequestHandler<K extends RequestKind> = (
  state: SessionState,
  opened: OpenedRequest,
  message: Extract<Message, { kind: K }>,
  parameters: ResolvedParameters,
) => void;

/** What each request of the peer's becomes. */
const HANDLERS: { readonly [K in RequestKind]: RequestHandler<K> } = {
  subscribe(state, opened, { name }, parameters) {
    if (!state.profile.rules.concurrentSubscriptions && state.publisherTracks.has(name.key)) {
      throw new RequestError(RequestErrorCode.DUPLICATE_SUBSCRIPTION, 'track is subscribed to already');
    }
    const { id } = new PeerSubscription(state, opened, name, parameters);
    state.notice({ kind: 'subscribe', request: id, name, parameters });
  },
  publish(state, opened, message, parameters) {
    const { name, trackAlias, trackProperties } = message;
    if (!state.profile.rules.concurrentSubscriptions && state.subscriberTracks.has(name.key)) {
      throw new RequestError(RequestErrorCode.DUPLICATE_SUBSCRIPTION, 'track is received already');
    }
    const fault = state.unsupported(trackProperties);
    if (fault !== null) throw new RequestError(RequestErrorCode.UNSUPPORTED_EXTENSION, fault);
    const publication = new PeerPublication(state, opened, message);
    const properties = trackProperties && { trackProperties };
    state.notice({ kind: 'publish', request: publication.id, name, trackAlias, parameters, ...properties });
    publication.start();
  },
  fetch(state, opened, { range }, parameters) {
    state.joiningFetches.admit(new PeerFetch(state, opened, range, parameters));
  },
  'publish-namespace'(state, opened, { namespace }, parameters) {
    const { id } = new PeerAnnouncement(state, opened);
    state.notice({ kind: 'publish-namespace', request: id, namespace, parameters });
  },
  'track-status'(state, opened, { name }, parameters) {
    const { id } = new PeerTrackStatus(state, opened);
    state.notice({ kind: 'track-status', request: id, name, parameters });
  },
  'subscribe-namespace'(state, opened, { prefix }, parameters) {
    const { id } = new PeerNamespaceSubscription(state, opened, prefix);
    state.notice({ kind: 'subscribe-namespace', request: id, prefix, parameters });
  },
  'subscribe-tracks'(state, opened, { prefix }, parameters) {
    const { id } = new PeerTracksSubscription(state, opened, prefix);
    state.notice({ kind: 'subscribe-tracks', request: id, prefix, parameters });
  },
};

/** A bidirectional stream of the peer's until its request is there and may be read (draft-18 §3.3). */
export class RequestStart implements StreamHandler {
  readonly #state: SessionState;
  readonly #stream: StreamKey;
  readonly #messages: RequestMessages;
  /** A request that is never sent whole must not be kept for ever. */
  readonly #deadline: Deadline;
  #held: HeldBytes | null = null;

  constructor(state: SessionState, stream: StreamKey) {
    this.#state = state;
    this.#stream = stream;
    this.#messages = new RequestMessages(state);
    this.#deadline = state.after(state.limits.requestWaitMs, () => this.#abandon(StreamResetCode.EXCESSIVE_LOAD));
  }

  data(bytes: Uint8Array, fin: boolean): void {
    if (!this.#state.established) {
      this.#hold(bytes, fin);
      return;
    }
    this.#messages.push(bytes, fin);
    const message = this.#messages.next(REQUEST_FIRST);
    if (message !== null) this.#open(message as RequestMessage, fin);
    else if (this.#messages.excessive) this.#abandon(StreamResetCode.EXCESSIVE_LOAD);
    else if (fin) this.#abandon(StreamResetCode.CANCELLED);
  }

  reset(): void {
    this.#abandon(StreamResetCode.CANCELLED);
  }

  stopSending(): void {
    this.#abandon(StreamResetCode.CANCELLED);
  }

  /** SETUP has come: reads what is held. */
  release(): void {
    this.#held?.replay((bytes, fin) => this.#state.streams.get(this.#stream)?.data(bytes, fin));
  }

  #hold(bytes: Uint8Array, fin: boolean): void {
    this.#held ??= new HeldBytes(this.#state.held);
    if (!this.#held.push(bytes, fin)) this.#abandon(StreamResetCode.EXCESSIVE_LOAD);
  }

  #open(message: RequestMessage, fin: boolean): void {
    const state = this.#state;
    this.#deadline.cancel();
    const id = state.takePeerRequestId(message.requestId);
    this.#checkTrackName(message);
    try {
      const parameters = state.tokens.resolve(message.parameters);
      this.#admit(message);
      const opened: OpenedRequest = { id, stream: this.#stream, messages: this.#messages };
      const handler = HANDLERS[message.kind] as RequestHandler<RequestKind>;
      handler(state, opened, message, parameters);
      state.peers.get(id)?.read(fin);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      this.#reject(message, error);
    }
    state.joiningFetches.arrived(id);
  }

  #checkTrackName(message: RequestMessage): void {
    const name = message.kind === 'fetch' && message.range.kind === 'standalone' ? message.range.name : null;
    const named = 'name' in message ? message.name : name;
    if (named === null || named.name.length > 0 || this.#state.profile.rules.emptyTrackNames) return;
    throw protocolViolation('track name is empty');
  }

  // What is refused whatever the request wants.
  #admit(message: RequestMessage): void {
    if (this.#state.goawaySent) throw new RequestError(RequestErrorCode.GOING_AWAY, 'session is going away');
    if (this.#state.peers.size >= this.#state.limits.requestsMax) {
      throw new RequestError(RequestErrorCode.EXCESSIVE_LOAD, `${this.#state.peers.size} requests are open`, 1000);
    }
    const namespace = namespaceOf(message);
    // Both `.` and `.session` are no application's, and no track of `.session` is known (draft-18 §3.2.1, §3.2.2).
    if (namespace !== null && isReservedNamespace(namespace)) {
      throw new RequestError(RequestErrorCode.DOES_NOT_EXIST, 'namespace is reserved');
    }
  }

  #reject(message: RequestMessage, { code, message: reason, retryIntervalMs }: RequestError): void {
    const state = this.#state;
    const error: RequestErrorInfo = { code, reason, retryIntervalMs };
    const context = requestContext(message.kind, 'responder', false);
    state.actions.write(this.#stream, state.encode({ kind: 'request-error', error }, context), true);
    state.streams.delete(this.#stream);
    if (message.kind === 'publish' && !state.aliases.has(message.trackAlias)) {
      state.unknownAliases.refuse(message.trackAlias);
    }
  }

  #abandon(code: number): void {
    this.#deadline.cancel();
    this.#messages.release();
    this.#held?.drain();
    this.#state.actions.reset(this.#stream, code);
    this.#state.actions.stopSending(this.#stream, code);
    this.#state.streams.delete(this.#stream);
  }
}

function namespaceOf(message: RequestMessage): TrackNamespace | null {
  switch (message.kind) {
    case 'fetch':
      return message.range.kind === 'standalone' ? message.range.name.namespace : null;
    case 'publish-namespace':
      return message.namespace;
    case 'subscribe-namespace':
    case 'subscribe-tracks':
      return message.prefix;
    default:
      return message.name.namespace;
  }
}
