// Serialization Flags of objects on a fetch stream (draft-18 §11.4.4.1).

/** The two lowest bits tell the Subgroup ID by one of the four values that follow. */
export const SUBGROUP_MASK = 0x03;
/** It is 0. */
export const SUBGROUP_ZERO = 0x00;
/** It is that of the prior object. */
export const SUBGROUP_PRIOR = 0x01;
/** It is one more than that of the prior object. */
export const SUBGROUP_NEXT = 0x02;
/** It is a field of its own. */
export const SUBGROUP_PRESENT = 0x03;

/** Object ID Delta is present; else the object follows the prior one. */
export const OBJECT_DELTA = 0x04;
/** Group ID Delta is present; else the group is the prior one. */
export const GROUP_DELTA = 0x08;
/** Publisher Priority is present; else it is the prior one. */
export const PRIORITY = 0x10;
/** Properties are present. */
export const PROPERTIES = 0x20;
/** The object was published as a datagram; the two lowest bits mean nothing. */
export const DATAGRAM = 0x40;
/** Flags below this are bits; above it only the two ends of a range are defined. */
export const FLAGS_MAX = 0x7f;

/** What lies between the last object and this Location, inclusive, does not exist. */
export const END_OF_NON_EXISTENT_RANGE = 0x8c;
/** Whether it exists is unknown. */
export const END_OF_UNKNOWN_RANGE = 0x10c;
