export { type Affinity, type AffinityEntry, affinity, affinityIsRedundant, staleEntries } from './affinity.js';
export { BalancingError, type BalancingErrorCode } from './errors.js';
export {
  checkKey,
  type Family,
  FIVE_TUPLE_KEY,
  type Flow,
  type FlowKey,
  KEY_BYTES_MAX,
  type KeyField,
  keyExpression,
  PROTOCOL_NUMBERS,
  SOURCE_KEY,
  writeKey,
} from './flow-key.js';
export { firstCheckDelayMs, nextCheckDelayMs } from './health/check-schedule.js';
export type { MemberReport, MemberTransition, PoolTransition, Transition } from './health/events.js';
export type {
  AdminState,
  BreakerState,
  EjectionReason,
  MemberRecord,
  MemberState,
  MemberStatus,
} from './health/member-health.js';
export { PoolHealth } from './health/pool-health.js';
export type { RateSlice, TrafficSample } from './health/rate-window.js';
export type { PoolMember, PoolMode, Rotation } from './health/rotation.js';
export {
  type ActiveCheckSettings,
  type HalfOpenSettings,
  type HealthOptions,
  type HealthSettings,
  healthSettings,
  type OutlierSettings,
  type RateThreshold,
  type WhenNoneHealthy,
} from './health/settings.js';
export { jenkinsHash, reciprocalScale } from './jenkins-hash.js';
export { MEMBERS_MAX, NAME_CHARACTERS_MAX, PRIORITY_MAX, SEQUENCE_SLOTS_MAX, WEIGHT_MAX } from './limits.js';
export { buildMaglev, defaultTableSize, type MaglevOptions, TABLE_SIZES, type TableSize } from './maglev.js';
export { FlowPredictor, type HashChoice } from './prediction.js';
export { checkOf, healthOptionsOf, poolMemberOf, seedOf } from './resources/compile.js';
export { readConfiguration } from './resources/core-form.js';
export { DEFAULTS, type Defaults, LOCAL_OWNER } from './resources/defaults.js';
export type {
  ActiveCheck,
  Announcement,
  BalancerConfiguration,
  DataPath,
  FrontEnd,
  HttpCheck,
  Listener,
  ListenerLimits,
  ListenerTimeouts,
  LoadBalancer,
  Member,
  Pool,
  Protocol,
  Resolution,
  Rule,
  SourceList,
  TlsCheck,
  UdpCheck,
} from './resources/model.js';
export { type ProblemPath, pathText, problemText, ResourceError, type ResourceProblem } from './resources/problem.js';
export { DEFAULT_QUOTAS, defaultQuotasOf, type Quotas, type QuotasOf } from './resources/quotas.js';
export { type Translation, type Validation, type ValidationOptions, validate } from './resources/validate.js';
export { type PlainValue, writeConfiguration } from './resources/write.js';
export {
  type ConnectionSample,
  connectionWeights,
  type LatencySample,
  latencyWeights,
  smoothLatency,
} from './sampled-weights.js';
export {
  type Algorithm,
  SAMPLED_TABLE_SIZE,
  type SelectableMember,
  type Selection,
  type SelectionOptions,
  type SlotChoice,
  select,
} from './selector.js';
export { buildSampled, buildSequence } from './sequence.js';
export { changedSlots, memberAt, type SlotTable, slotCounts, type WeightedMember } from './slot-table.js';
