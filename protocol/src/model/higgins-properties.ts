/**
 * The private Property ids of Higgins tracks, in the range that draft-18 §2.5 (and draft-22) leave to applications:
 * 0x3800 to 0x3FFF. An even id carries a vi64, an odd id a byte string (draft-18 §1.4.3).
 *
 * A relay interprets them on tracks that carry SHAPE only; on all others they are opaque and forwarded unchanged.
 */

/** Object Property inside IMMUTABLE_PROPERTIES: how long the value is valid after it was published, in ms. */
export const OBJECT_TTL_MS = 0x3800;

/** Object Property inside IMMUTABLE_PROPERTIES: the publisher's wall clock, ms since 1970-01-01 UTC, not stepped within an epoch. */
export const OBJECT_PUBLISH_TIME_MS = 0x3802;

/** Object Property of Object 0 inside IMMUTABLE_PROPERTIES: the Group ID that the writer published before this one. */
export const OBJECT_PREVIOUS_GROUP = 0x3804;

/**
 * Object Property of Object 0 inside IMMUTABLE_PROPERTIES, beside OBJECT_PREVIOUS_GROUP: the last Object ID of that Group.
 * Who has it knows that nothing of that Group is missing.
 */
export const OBJECT_PREVIOUS_OBJECT = 0x3808;

/** Mutable Object Property: how long publisher and relays have held the object, in ms, added up over hops; absent means 0. */
export const OBJECT_AGE_MS = 0x3806;

/**
 * Time at a publisher or relay, in ms, that need not be added to the age: objects that go straight through are sent byte
 * for byte, and that takes less.
 */
export const UNCOUNTED_HOLD_MS = 10;

/** Track Property: one of the SHAPE values. Its presence marks a Higgins track. */
export const TRACK_SHAPE = 0x3810;

/** Track Property: identifies the writer, whose heartbeat is on `platform/publisher/{id}`; UTF-8. */
export const TRACK_WRITER_ID = 0x3811;

/** Track Property: one of the CONTENT_FORMAT values. */
export const TRACK_CONTENT_FORMAT = 0x3812;

/** One value: every update is a Group of one Object, and the newest Group is the whole state. */
export const SHAPE_STATE = 0;
/** A Group opens with a snapshot and continues with deltas on one Subgroup; any Object renews the whole Group. */
export const SHAPE_MAP = 1;
/** Every Object counts on its own. */
export const SHAPE_EVENT = 2;

/** CBOR, RFC 8949. */
export const CONTENT_FORMAT_CBOR = 0;
/** MessagePack. */
export const CONTENT_FORMAT_MSGPACK = 1;
/** JSON, RFC 8259. */
export const CONTENT_FORMAT_JSON = 2;
