import { EncodeError, RequestError, RequestErrorCode, StreamResetCode } from '../errors.js';
import type { FullTrackName, TrackNamespace } from '../model/names.js';
import { isReservedNamespace } from '../model/reserved-names.js';
import type { Vi64 } from '../model/vi64.js';
import type {
  AuthorizationParameters,
  FetchParameters,
  FetchRange,
  PublishParameters,
  RequestId,
  SubscribeParameters,
  SubscribeTracksParameters,
} from './contract.js';
import { OwnAnnouncement } from './own-announcement.js';
import { OwnFetch } from './own-fetch.js';
import { OwnNamespaceSubscription } from './own-namespace-subscription.js';
import { OwnPublication } from './own-publication.js';
import { OwnSubscription } from './own-subscription.js';
import { OwnTrackStatus } from './own-track-status.js';
import { OwnTracksSubscription } from './own-tracks-subscription.js';
import type { SessionState } from './state.js';

/** The commands of `Session` that start a request of ours, and the one that cancels it. */
export class Requester {
  protected readonly state: SessionState;

  constructor(state: SessionState) {
    this.state = state;
  }

  subscribe(name: FullTrackName, parameters: SubscribeParameters): RequestId {
    const bytes = this.state.encodeRequest((requestId) => ({ kind: 'subscribe', requestId, name, parameters }));
    return this.#opened((id) => new OwnSubscription(this.state, id, bytes, name, parameters));
  }

  fetch(range: FetchRange, parameters: FetchParameters): RequestId {
    const bytes = this.state.encodeRequest((requestId) => ({ kind: 'fetch', requestId, range, parameters }));
    return this.#opened((id) => new OwnFetch(this.state, id, bytes, range, parameters));
  }

  publishNamespace(namespace: TrackNamespace, parameters: AuthorizationParameters = {}): RequestId {
    checkNotReserved(namespace);
    const bytes = this.state.encodeRequest((requestId) => ({
      kind: 'publish-namespace',
      requestId,
      namespace,
      parameters,
    }));
    return this.#opened((id) => new OwnAnnouncement(this.state, id, bytes));
  }

  trackStatus(name: FullTrackName, parameters: AuthorizationParameters = {}): RequestId {
    const bytes = this.state.encodeRequest((requestId) => ({ kind: 'track-status', requestId, name, parameters }));
    return this.#opened((id) => new OwnTrackStatus(this.state, id, bytes));
  }

  publish(
    name: FullTrackName,
    trackAlias: Vi64,
    parameters: PublishParameters = {},
    trackProperties?: Uint8Array,
  ): RequestId {
    this.#checkPublishable(name);
    const properties = trackProperties && { trackProperties };
    const bytes = this.state.encodeRequest((requestId) => ({
      kind: 'publish',
      requestId,
      name,
      trackAlias,
      parameters,
      ...properties,
    }));
    return this.#opened((id) => new OwnPublication(this.state, id, bytes, name, trackAlias));
  }

  subscribeNamespace(prefix: TrackNamespace, parameters: AuthorizationParameters = {}): RequestId {
    const bytes = this.state.encodeRequest((requestId) => ({
      kind: 'subscribe-namespace',
      requestId,
      prefix,
      parameters,
    }));
    return this.#opened((id) => new OwnNamespaceSubscription(this.state, id, bytes, prefix));
  }

  subscribeTracks(prefix: TrackNamespace, parameters: SubscribeTracksParameters = {}): RequestId {
    const bytes = this.state.encodeRequest((requestId) => ({
      kind: 'subscribe-tracks',
      requestId,
      prefix,
      parameters,
    }));
    return this.#opened((id) => new OwnTracksSubscription(this.state, id, bytes, prefix));
  }

  cancel(request: RequestId): void {
    this.state.own.get(request)?.cancel(StreamResetCode.CANCELLED);
  }

  #opened(make: (id: RequestId) => { readonly id: RequestId }): RequestId {
    const id = this.state.nextRequestId - 2;
    // After the end the ID is as good as that of a request which is never answered.
    return this.state.ended ? id : make(id).id;
  }

  #checkPublishable({ namespace, key }: FullTrackName): void {
    checkNotReserved(namespace);
    const { publisherTracks, blockedTracks } = this.state;
    const fault = publisherTracks.has(key) ? 'is subscribed to already' : blockedTracks.has(key) ? 'was blocked' : null;
    if (fault !== null) throw new RequestError(RequestErrorCode.DUPLICATE_SUBSCRIPTION, `track ${fault}`);
  }
}

// Draft-18 §3.2.1, §3.2.2.
function checkNotReserved(namespace: TrackNamespace): void {
  if (isReservedNamespace(namespace)) throw new EncodeError('namespace is reserved: nothing may be published under it');
}
