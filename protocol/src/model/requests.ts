import type { Location } from './location.js';
import type { FullTrackName } from './names.js';
import type { AuthorizationToken, SubscribeParameters } from './parameters.js';
import type { Vi64 } from './vi64.js';

/** Request IDs of the client are even, of the server odd (draft-18 §10.1). */
export type RequestId = number;

/** Setup Options (draft-18 §10.3.1). `path` and `authority` are for clients on raw QUIC only. */
export interface SetupOptions {
  readonly path?: string;
  readonly authority?: string;
  readonly implementation?: string;
  readonly maxAuthTokenCacheSizeBytes?: number;
  readonly authorizationTokens?: readonly AuthorizationToken[];
}

/** What to fetch (draft-18 §10.12). `end` as on the wire: the last object plus 1, object 0 for the whole group. */
export type FetchRange =
  | { readonly kind: 'standalone'; readonly name: FullTrackName; readonly start: Location; readonly end: Location }
  | { readonly kind: 'relative-joining'; readonly subscription: RequestId; readonly groupsBack: Vi64 }
  | { readonly kind: 'absolute-joining'; readonly subscription: RequestId; readonly startGroup: Vi64 };

/** The answer to other requests (draft-18 §10.5). `trackProperties`: encoded Key-Value-Pairs, forwarded as they are; `readProperties` decodes them. */
export interface RequestOk {
  readonly expiresMs?: Vi64;
  readonly largest?: Location;
  readonly trackProperties?: Uint8Array;
}

/** The answer to a SUBSCRIBE (draft-18 §10.8). */
export interface SubscribeOk extends RequestOk {
  readonly trackAlias: Vi64;
}

/** The answer to a PUBLISH: what the subscriber wants of the subscription (draft-18 §10.5, §10.10). */
export interface PublishOk extends Omit<SubscribeParameters, 'authorizationTokens' | 'rendezvousTimeoutMs'> {
  readonly expiresMs?: Vi64;
}

/** The answer to a FETCH (draft-18 §10.13). */
export interface FetchOk {
  readonly endOfTrack: boolean;
  /** As on the wire: the last object plus 1, object 0 for the whole group. */
  readonly end: Location;
  readonly trackProperties?: Uint8Array;
}

/** The end of a subscription (draft-18 §10.11). `streamCount`: data streams that were opened, all told; STREAM_COUNT_UNKNOWN if the publisher cannot tell. */
export interface PublishDone {
  readonly code: number;
  readonly streamCount: number;
  readonly reason: string;
}

/** Stands for every count from 2^53 - 1; the draft's own value for it is 2^62 - 1 (draft-18 §10.11). */
export const STREAM_COUNT_UNKNOWN = Number.MAX_SAFE_INTEGER;

/** A request that failed (draft-18 §10.6). `code` null: the request stream was reset instead of answered. `retryIntervalMs` null: do not retry. */
export interface RequestErrorInfo {
  readonly code: number | null;
  readonly reason: string;
  readonly retryIntervalMs: number | null;
  readonly redirect?: { readonly connectUri: string; readonly name: FullTrackName };
}
