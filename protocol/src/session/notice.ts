import type { Location } from '../model/location.js';
import type { FullTrackName, TrackNamespace } from '../model/names.js';
import type { ReceivedObject, SubgroupHeader } from '../model/objects.js';
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
  SetupOptions,
  SubscribeOk,
} from '../model/requests.js';
import type { Vi64 } from '../model/vi64.js';
import type { StreamKey } from './contract.js';

/** What the application needs to know. */
export type Notice =
  | { readonly kind: 'setup'; readonly options: SetupOptions }
  // Requests of the peer's.
  | {
      readonly kind: 'subscribe';
      readonly request: RequestId;
      readonly name: FullTrackName;
      readonly parameters: SubscribeParameters;
    }
  | {
      readonly kind: 'fetch';
      readonly request: RequestId;
      readonly range: FetchRange;
      readonly parameters: FetchParameters;
    }
  | {
      readonly kind: 'publish-namespace';
      readonly request: RequestId;
      readonly namespace: TrackNamespace;
      readonly parameters: AuthorizationParameters;
    }
  | {
      readonly kind: 'track-status';
      readonly request: RequestId;
      readonly name: FullTrackName;
      readonly parameters: AuthorizationParameters;
    }
  /**
   * A subscription that the peer starts as publisher. Its data follows at once, before it is accepted, within
   * `unansweredPublishBytesMax`; its end is `publish-done` or `cancelled`.
   */
  | {
      readonly kind: 'publish';
      readonly request: RequestId;
      readonly name: FullTrackName;
      readonly trackAlias: Vi64;
      readonly parameters: PublishParameters;
      /** Encoded Key-Value-Pairs. */
      readonly trackProperties?: Uint8Array;
    }
  | {
      readonly kind: 'subscribe-namespace';
      readonly request: RequestId;
      readonly prefix: TrackNamespace;
      readonly parameters: AuthorizationParameters;
    }
  | {
      readonly kind: 'subscribe-tracks';
      readonly request: RequestId;
      readonly prefix: TrackNamespace;
      readonly parameters: SubscribeTracksParameters;
    }
  /** On a request of the peer's, or on a PUBLISH of ours. */
  | { readonly kind: 'update'; readonly request: RequestId; readonly parameters: RequestUpdateParameters }
  /** The peer cancelled its request, or its stream ended; the application forgets it and resets what it sends for it. */
  | { readonly kind: 'cancelled'; readonly request: RequestId; readonly code: number }
  // Answers to requests of ours.
  | { readonly kind: 'subscribe-ok'; readonly request: RequestId; readonly ok: SubscribeOk }
  | { readonly kind: 'request-ok'; readonly request: RequestId; readonly ok: RequestOk }
  | { readonly kind: 'publish-ok'; readonly request: RequestId; readonly ok: PublishOk }
  /** A namespace, whole, that is published under the prefix of a SUBSCRIBE_NAMESPACE; or that is not any more. */
  | { readonly kind: 'namespace'; readonly request: RequestId; readonly namespace: TrackNamespace }
  | { readonly kind: 'namespace-done'; readonly request: RequestId; readonly namespace: TrackNamespace }
  /** A track under the prefix of a SUBSCRIBE_TRACKS of which no PUBLISH will come. */
  | { readonly kind: 'publish-blocked'; readonly request: RequestId; readonly name: FullTrackName }
  | { readonly kind: 'update-ok'; readonly request: RequestId; readonly ok: RequestOk }
  | { readonly kind: 'fetch-ok'; readonly request: RequestId; readonly ok: FetchOk }
  /** REQUEST_ERROR, or the peer reset the request stream (`error.code` is then null). The request is over, `update` apart. */
  | {
      readonly kind: 'request-error';
      readonly request: RequestId;
      readonly error: RequestErrorInfo;
      readonly update: boolean;
    }
  | { readonly kind: 'publish-done'; readonly request: RequestId; readonly done: PublishDone }
  // Data of subscriptions of ours and of PUBLISHes of the peer's. `stream` tells apart streams that carry the same subgroup.
  | {
      readonly kind: 'subgroup';
      readonly request: RequestId;
      readonly stream: StreamKey;
      readonly header: SubgroupHeader;
    }
  | {
      readonly kind: 'object';
      readonly request: RequestId;
      readonly stream: StreamKey;
      readonly object: ReceivedObject;
    }
  /** FIN: every object of the subgroup has come; with END_OF_GROUP in the header, of the group. */
  | {
      readonly kind: 'subgroup-end';
      readonly request: RequestId;
      readonly stream: StreamKey;
      readonly header: SubgroupHeader;
    }
  | {
      readonly kind: 'subgroup-reset';
      readonly request: RequestId;
      readonly stream: StreamKey;
      readonly header: SubgroupHeader;
      readonly code: number;
    }
  /** An Object that came as a datagram: its `subgroup` is null. `endOfGroup`: the Group has no Object after it. */
  | {
      readonly kind: 'datagram';
      readonly request: RequestId;
      readonly object: ReceivedObject;
      readonly endOfGroup: boolean;
    }
  // Data of fetches of ours.
  | { readonly kind: 'fetch-object'; readonly request: RequestId; readonly object: ReceivedObject }
  /** Everything after the last object up to `end` inclusive does not exist, or is unknown to the publisher. */
  | { readonly kind: 'fetch-range-end'; readonly request: RequestId; readonly end: Location; readonly unknown: boolean }
  | { readonly kind: 'fetch-end'; readonly request: RequestId }
  | { readonly kind: 'fetch-reset'; readonly request: RequestId; readonly code: number }
  | {
      readonly kind: 'goaway';
      readonly newSessionUri: string;
      readonly timeoutMs: number;
      readonly request: RequestId | null;
    }
  /** The session is over; comes once, last. `code` is a session termination code, null when the connection was lost. */
  | { readonly kind: 'closed'; readonly code: number | null; readonly reason: string; readonly remote: boolean };
