/** Property types of the draft (draft-18 §12, §15.8). An even type carries an integer, an odd one a byte string. */
export const PropertyType = {
  /** Track: milliseconds. */
  OBJECT_DELIVERY_TIMEOUT: 0x02,
  /** Track: milliseconds that an Object may be served from a cache, per hop. */
  MAX_CACHE_DURATION: 0x04,
  /** Track: milliseconds. */
  SUBGROUP_DELIVERY_TIMEOUT: 0x06,
  /** Track and Object: Key-Value-Pairs that no relay adds, changes or removes. */
  IMMUTABLE_PROPERTIES: 0x0b,
  /** Track: 0 to 255. */
  DEFAULT_PUBLISHER_PRIORITY: 0x0e,
  /** Track: 1 ascending, 2 descending. */
  DEFAULT_PUBLISHER_GROUP_ORDER: 0x22,
  /** Track: 1 if subscribers may ask for a new Group. */
  DYNAMIC_GROUPS: 0x30,
  /** Object: how many Groups before this one will never exist. */
  PRIOR_GROUP_ID_GAP: 0x3c,
  /** Object: how many Objects before this one will never exist. */
  PRIOR_OBJECT_ID_GAP: 0x3e,
} as const;

/** The first type of Mandatory Track Properties (draft-18 §2.5.1). */
export const MANDATORY_TRACK_PROPERTY_MIN = 0x4000;
/** The last one. */
export const MANDATORY_TRACK_PROPERTY_MAX = 0x7fff;
