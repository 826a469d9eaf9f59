export { DeadlineRule, type Receipt } from './core/deadline.js';
export {
  type Epoch,
  type EpochEvidence,
  epochOf,
  GROUPS_PER_EPOCH,
  groupId,
  nextEpoch,
} from './core/epoch.js';
export { EpochError, PublishError, type PublishErrorCode, StorageError, SubscriptionError } from './errors.js';
