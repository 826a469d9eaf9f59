export { type Applied, type AppliedResult, applied, appliedKey } from './applied.js';
export { type GatewayConfiguration, gatewayConfiguration } from './balancers/gateway-configuration.js';
export {
  type NodePools,
  nodePools,
  type PoolMemberReason,
  type PoolMemberReport,
  type PoolMemberStatus,
  type PoolReport,
  type PoolServing,
} from './balancers/node-pools.js';
export {
  effectiveTtlMs,
  encodeObjectProperties,
  encodeTrackProperties,
  type ObjectEnvelope,
  type ReceivedEnvelope,
  type ReceivedTrackEnvelope,
  readObjectProperties,
  readTrackProperties,
  type TrackEnvelope,
} from './envelope.js';
export { NameError, type NameErrorCode, SchemaError, type SchemaErrorCode } from './errors.js';
export * from './limits.js';
export {
  ASN_MAX,
  countEntries,
  EMPTY_ENTRIES,
  type ListEntries,
  normalizeIsp,
  parseListEntries,
} from './lists/list-entries.js';
export { type ListText, parseListTexts } from './lists/list-text.js';
export { type NamedList, organisationList, platformList } from './lists/named-list.js';
export { decodePackedPrefixes, encodePackedPrefixes } from './lists/packed-prefixes.js';
export { checkSegment, formatNamespace, formatPath, parsePath, segmentsOf, stageOf, trackOfSegments } from './names.js';
export { type PublisherHeartbeat, publisherHeartbeat } from './publisher.js';
export { registry, signalOf } from './registry.js';
export {
  type ContentFormat,
  type ExpiryMode,
  type MapDelta,
  type MapObject,
  type MapSignal,
  type Shape,
  type Signal,
  type SignalRow,
  type Stage,
  type StateObject,
  type StateSignal,
  type Tombstone,
  tombstoneKeepMs,
} from './signal.js';
