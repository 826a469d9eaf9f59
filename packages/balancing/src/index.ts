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
export { jenkinsHash, reciprocalScale } from './jenkins-hash.js';
export { MEMBERS_MAX, NAME_CHARACTERS_MAX, SEQUENCE_SLOTS_MAX, WEIGHT_MAX } from './limits.js';
export { buildMaglev, defaultTableSize, type MaglevOptions, TABLE_SIZES, type TableSize } from './maglev.js';
export { FlowPredictor, type HashChoice } from './prediction.js';
export { changedSlots, memberAt, type SlotTable, slotCounts, type WeightedMember } from './slot-table.js';
