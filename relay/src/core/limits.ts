/**
 * Everything that a relay bounds. Each limit exists so that no peer, and no sum of peers, can take more memory or work
 * than the operator planned; the comment says what it costs at its default.
 */
export interface RelayLimits {
  /** Sessions at once, upstreams not counted. A session costs about 35 KB. */
  readonly sessionsMax: number;
  /**
   * Clients' sessions that are let in per second, and at once after a quiet second: what one core can set up. More
   * are turned away, and come again.
   */
  readonly sessionsPerSecondMax: number;
  /** Tracks known at once, subscribed or cached. A track without objects costs about 2 KB. */
  readonly tracksMax: number;
  /** Subscriptions that one session may hold; each costs below 1 KB. */
  readonly subscriptionsPerSessionMax: number;
  /** Fetches that one session may have open. */
  readonly fetchesPerSessionMax: number;
  /** Namespaces that one session may announce. */
  readonly namespacesPerSessionMax: number;
  /** Tracks that one session may PUBLISH. */
  readonly publicationsPerSessionMax: number;
  /** Written and unacknowledged bytes of a session, from which on a SUBSCRIBE_NAMESPACE is ended instead of answered. */
  readonly discoveryBacklogBytes: number;
  /** Bytes of all cached objects together, bookkeeping included. */
  readonly cacheBytesMax: number;
  /** Cached bytes of one track beyond its newest complete group. */
  readonly trackHistoryBytesMax: number;
  /** How long a group is kept once a newer one is complete, in ms. */
  readonly trackHistoryMs: number;
  /** Unacknowledged bytes of one subscription that may be skipped to, from which on newer groups wait. */
  readonly conflationBacklogBytes: number;
  /** Unacknowledged bytes of one subscription to which everything is due, from which on objects wait in the cache. */
  readonly subscriptionBacklogBytes: number;
  /** Groups that such a subscription may be behind before it ends with TOO_FAR_BEHIND. */
  readonly behindGroupsMax: number;
  /** How long such a subscription may be behind without a break, in ms. */
  readonly behindMsMax: number;
  /** Written and unacknowledged bytes of a session, from which on fetch responses pause. */
  readonly fetchBacklogBytes: number;
  /** The longest that a SUBSCRIBE waits for a publisher (RENDEZVOUS_TIMEOUT), in ms. */
  readonly rendezvousMsMax: number;
  /** The longest that a FETCH waits for what the cache lacks (FILL_TIMEOUT), and its default, in ms. */
  readonly fillMsMax: number;
  /** Bytes of new objects that wait until a resumed subscription has recovered the older ones. */
  readonly resumeHoldBytesMax: number;
  /** How long an upstream subscription outlives its last subscriber, in ms. */
  readonly lingerMs: number;
}

/** Defaults for a relay with 1 GB of memory. */
export const DEFAULT_LIMITS: RelayLimits = {
  sessionsMax: 10_000,
  sessionsPerSecondMax: 2_000,
  tracksMax: 100_000,
  subscriptionsPerSessionMax: 20_000,
  fetchesPerSessionMax: 20_000,
  namespacesPerSessionMax: 1_000,
  publicationsPerSessionMax: 10_000,
  discoveryBacklogBytes: 4 * 1024 * 1024,
  cacheBytesMax: 256 * 1024 * 1024,
  trackHistoryBytesMax: 8 * 1024 * 1024,
  trackHistoryMs: 60_000,
  conflationBacklogBytes: 32 * 1024,
  subscriptionBacklogBytes: 4 * 1024 * 1024,
  behindGroupsMax: 256,
  behindMsMax: 30_000,
  fetchBacklogBytes: 1024 * 1024,
  rendezvousMsMax: 60_000,
  fillMsMax: 5_000,
  resumeHoldBytesMax: 4 * 1024 * 1024,
  lingerMs: 30_000,
};
