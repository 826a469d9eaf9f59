export type { Acknowledgements } from './acknowledgements.js';
export { Client, type ClientOptions, type SubscribeOptions } from './client.js';
export { type ClientCounters, type ClientEvent, newCounters } from './client-events.js';
export type { Published } from './commit-log.js';
export { DeadlineRule, type Receipt } from './core/deadline.js';
export {
  type Epoch,
  type EpochEvidence,
  epochOf,
  GROUPS_PER_EPOCH,
  groupId,
  nextEpoch,
} from './core/epoch.js';
export type { Condition, Freshness } from './core/freshness.js';
export type { HeldContent, HeldTrack } from './core/held-record.js';
export type { LiveMap } from './core/live-map.js';
export type { Refusal } from './core/track-follower.js';
export { DiskEpochLease, type EpochLease } from './epoch-lease.js';
export { EpochError, PublishError, type PublishErrorCode, StorageError, SubscriptionError } from './errors.js';
export type { ClientLevels } from './feeds.js';
export type { PublishedTrack } from './published-track.js';
export {
  type MapChanges,
  Publisher,
  type PublisherListener,
  type PublisherOptions,
  type PublishOptions,
  type RemoveOptions,
} from './publisher.js';
export type { RelayAddress } from './relay-connector.js';
export { StateStore, type StateStoreOptions } from './state-store.js';
export type { StoredValue } from './stored-value.js';
export type { Subscription, Update } from './subscription.js';
