// Serialization Flags of objects on a fetch stream (draft-18 §11.4.4.1).

/** How the Subgroup ID is told, in the two lowest bits. */
export const SUBGROUP_MASK = 0x03;
export const SUBGROUP_ZERO = 0x00;
export const SUBGROUP_PRIOR = 0x01;
export const SUBGROUP_NEXT = 0x02;
export const SUBGROUP_PRESENT = 0x03;

export const OBJECT_DELTA = 0x04;
export const GROUP_DELTA = 0x08;
export const PRIORITY = 0x10;
export const PROPERTIES = 0x20;
/** The object was published as a datagram; the two lowest bits mean nothing. */
export const DATAGRAM = 0x40;
/** Flags below this are bits; above it only the two ends of a range are defined. */
export const FLAGS_MAX = 0x7f;

/** What lies between the last object and this Location, inclusive, does not exist. */
export const END_OF_NON_EXISTENT_RANGE = 0x8c;
/** Whether it exists is unknown. */
export const END_OF_UNKNOWN_RANGE = 0x10c;
