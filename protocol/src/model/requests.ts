import type { Location } from './location.js';
import type { FullTrackName } from './names.js';
import type { AuthorizationToken } from './parameters.js';
import type { Vi64 } from './vi64.js';

/** Request IDs of the client are even, of the server odd (draft-18 §10.1). */
export type RequestId = number;

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

/** `trackProperties`: encoded Key-Value-Pairs, forwarded as they are; `readProperties` decodes them. */
export interface RequestOk {
  readonly expiresMs?: Vi64;
  readonly largest?: Location;
  readonly trackProperties?: Uint8Array;
}

export interface SubscribeOk extends RequestOk {
  readonly trackAlias: Vi64;
}

export interface FetchOk {
  readonly endOfTrack: boolean;
  /** As on the wire: the last object plus 1, object 0 for the whole group. */
  readonly end: Location;
  readonly trackProperties?: Uint8Array;
}

/** `streamCount`: data streams that were opened, all told; STREAM_COUNT_UNKNOWN if the publisher cannot tell. */
export interface PublishDone {
  readonly code: number;
  readonly streamCount: number;
  readonly reason: string;
}

/** Stands for every count from 2^53 - 1; the draft's own value for it is 2^62 - 1 (draft-18 §10.11). */
export const STREAM_COUNT_UNKNOWN = Number.MAX_SAFE_INTEGER;

/** `code` null: the request stream was reset instead of answered. `retryIntervalMs` null: do not retry. */
export interface RequestErrorInfo {
  readonly code: number | null;
  readonly reason: string;
  readonly retryIntervalMs: number | null;
  readonly redirect?: { readonly connectUri: string; readonly name: FullTrackName };
}
