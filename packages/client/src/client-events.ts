import type { FullTrackName, TrackNamespace } from '@higgins/protocol';
import type { Refusal } from './core/track-follower.js';

/** What a client tells its log; nothing has to be done about it. */
export type ClientEvent =
  | { readonly kind: 'connected'; readonly url: string }
  | { readonly kind: 'connect-failed'; readonly url: string; readonly reason: string }
  | { readonly kind: 'disconnected'; readonly url: string; readonly code: number | null; readonly reason: string }
  | { readonly kind: 'goaway'; readonly url: string; readonly newSessionUri: string }
  | { readonly kind: 'subscribed'; readonly name: FullTrackName }
  | {
      readonly kind: 'subscription-failed';
      readonly name: FullTrackName;
      readonly code: number | null;
      readonly reason: string;
      /** When it is tried again, in ms; null: never. */
      readonly retryMs: number | null;
    }
  | { readonly kind: 'object-refused'; readonly name: FullTrackName; readonly refusal: Refusal }
  | { readonly kind: 'gap'; readonly name: FullTrackName; readonly lost: boolean }
  | { readonly kind: 'announced'; readonly namespace: TrackNamespace }
  | { readonly kind: 'announce-failed'; readonly namespace: TrackNamespace; readonly reason: string }
  | { readonly kind: 'renewal-failed'; readonly name: FullTrackName; readonly reason: string }
  /** The writer's heartbeats stopped while the own connection is up; `publisher-back` when they come again. */
  | { readonly kind: 'publisher-lost' | 'publisher-back'; readonly writerId: string }
  | { readonly kind: 'heartbeat-failed'; readonly reason: string }
  | { readonly kind: 'storage-failed'; readonly file: string; readonly reason: string };

/** Counters of one client since it was made, for metrics. */
export interface ClientCounters {
  connects: number;
  connectFailures: number;
  disconnects: number;
  /** SUBSCRIBE requests sent, heartbeats left out. */
  subscribes: number;
  /** Objects that were taken, renewals included. */
  objectsAccepted: number;
  /** Objects that broke schema or limits. */
  objectsRefused: number;
  /** Live objects that came behind a newer one. */
  objectsOld: number;
  gaps: number;
  /** Times that events were lost for good. */
  losses: number;
  /** Values that expired. */
  expiries: number;
  /** Values that became stale. */
  stales: number;
  /** Times that the heartbeats of a writer stopped. */
  publishersLost: number;
  /** Objects that were published, renewals and heartbeats included. */
  objectsPublished: number;
  storageFailures: number;
}

export function newCounters(): ClientCounters {
  return {
    connects: 0,
    connectFailures: 0,
    disconnects: 0,
    subscribes: 0,
    objectsAccepted: 0,
    objectsRefused: 0,
    objectsOld: 0,
    gaps: 0,
    losses: 0,
    expiries: 0,
    stales: 0,
    publishersLost: 0,
    objectsPublished: 0,
    storageFailures: 0,
  };
}

/** The message of whatever was thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
