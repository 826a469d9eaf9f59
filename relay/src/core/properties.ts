import {
  DEFAULT_PUBLISHER_PRIORITY,
  findFixedInteger,
  findInteger,
  type GroupOrder,
  OBJECT_AGE_MS,
  OBJECT_PUBLISH_TIME_MS,
  OBJECT_TTL_MS,
  PropertyType,
  SHAPE_MAP,
  SHAPE_STATE,
  TRACK_SHAPE,
  type Vi64,
  withInteger,
} from '@higgins/protocol';

/** What a relay reads from a track's properties. */
export interface TrackPolicy {
  /** Null: no Higgins track, whose private properties mean nothing here. */
  readonly shape: 'state' | 'map' | 'event' | null;
  readonly maxCacheDurationMs: number;
  readonly defaultPriority: number;
  readonly dynamicGroups: boolean;
  /** The order of Groups for subscribers that state none. */
  readonly groupOrder: GroupOrder;
  /** Infinity: none. */
  readonly objectDeliveryTimeoutMs: number;
  /** Infinity: none. */
  readonly subgroupDeliveryTimeoutMs: number;
}

/** What a relay reads from an object's properties on a Higgins track. */
export interface ObjectTimes {
  /** Infinity if the object has none. */
  ttlMs: number;
  /** What relays before this one have measured. */
  ageMs: number;
  /** Null if the object has none. */
  publishTimeMs: number | null;
}

/** The policy of a track without properties. */
export const FOREIGN_POLICY: TrackPolicy = {
  shape: null,
  maxCacheDurationMs: Number.POSITIVE_INFINITY,
  defaultPriority: DEFAULT_PUBLISHER_PRIORITY,
  dynamicGroups: false,
  groupOrder: 'ascending',
  objectDeliveryTimeoutMs: Number.POSITIVE_INFINITY,
  subgroupDeliveryTimeoutMs: Number.POSITIVE_INFINITY,
};

/** Reads a track's properties. */
export function readTrackPolicy(properties: Uint8Array): TrackPolicy {
  const priority = findInteger(properties, PropertyType.DEFAULT_PUBLISHER_PRIORITY);
  return {
    shape: shapeOf(numberOf(properties, TRACK_SHAPE)),
    maxCacheDurationMs: numberOf(properties, PropertyType.MAX_CACHE_DURATION) ?? Number.POSITIVE_INFINITY,
    defaultPriority: priority === null ? DEFAULT_PUBLISHER_PRIORITY : Math.min(255, Number(priority)),
    dynamicGroups: numberOf(properties, PropertyType.DYNAMIC_GROUPS) === 1,
    groupOrder: numberOf(properties, PropertyType.DEFAULT_PUBLISHER_GROUP_ORDER) === 2 ? 'descending' : 'ascending',
    objectDeliveryTimeoutMs: timeoutOf(numberOf(properties, PropertyType.OBJECT_DELIVERY_TIMEOUT)),
    subgroupDeliveryTimeoutMs: timeoutOf(numberOf(properties, PropertyType.SUBGROUP_DELIVERY_TIMEOUT)),
  };
}

/** Reads an object's times into `out`. */
export function readObjectTimes(properties: Uint8Array, out: ObjectTimes): void {
  out.ttlMs = clamp(findFixedInteger(properties, OBJECT_TTL_MS)) ?? Number.POSITIVE_INFINITY;
  out.ageMs = numberOf(properties, OBJECT_AGE_MS) ?? 0;
  out.publishTimeMs = clamp(findFixedInteger(properties, OBJECT_PUBLISH_TIME_MS));
}

/** The properties with `addedMs`, rounded up, added to the age. Everything else keeps its encoding. */
export function withAge(properties: Uint8Array, addedMs: number): Uint8Array {
  const ageMs = numberOf(properties, OBJECT_AGE_MS) ?? 0;
  return withInteger(properties, OBJECT_AGE_MS, Math.ceil(ageMs + addedMs));
}

/** A delivery timeout in ms; absent and 0 mean that there is none (draft-18 §8). */
export function timeoutOf(value: Vi64 | null | undefined): number {
  return value === null || value === undefined || value === 0 ? Number.POSITIVE_INFINITY : Number(value);
}

function shapeOf(value: number | null): TrackPolicy['shape'] {
  if (value === null) return null;
  if (value === SHAPE_STATE) return 'state';
  // Shapes that later versions add lose nothing when every object counts.
  return value === SHAPE_MAP ? 'map' : 'event';
}

function numberOf(properties: Uint8Array, type: number): number | null {
  return clamp(findInteger(properties, type));
}

/** Times beyond 2^53 ms mean the same as the largest number below. */
function clamp(value: Vi64 | null): number | null {
  return typeof value === 'bigint' ? Number.MAX_SAFE_INTEGER : value;
}
