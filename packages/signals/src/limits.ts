/** Fields of a Track Namespace (draft-18 §2.4.1). */
export const NAMESPACE_FIELDS_MAX = 32;

/** Bytes of a Full Track Name, all fields and the Track Name added up (draft-18 §2.4.1). */
export const FULL_TRACK_NAME_BYTES_MAX = 4096;

/** Characters of the text form of a name: every byte of it could be an escape of three characters. */
export const PATH_CHARACTERS_MAX = 3 * FULL_TRACK_NAME_BYTES_MAX + NAMESPACE_FIELDS_MAX;

/** Nesting of maps and arrays in a payload. The deepest schema needs 4; a decoder's stack stays small. */
export const PAYLOAD_DEPTH_MAX = 8;

/** Values in a payload, keys included: a decoded value costs up to 64 bytes, so that a payload costs 32 MB at most. */
export const PAYLOAD_ITEMS_MAX = 500_000;

/** Entries of a named list: 100,000 IPv6 prefixes take 1.7 MB in memory. */
export const LIST_ENTRIES_MAX = 100_000;

/** Bytes of an encoded list, 4 MiB: 100,000 IPv6 prefixes are 1.7 MB packed. */
export const LIST_BYTES_MAX = 4 * 1024 * 1024;

/** Characters of a carrier's name in a list. */
export const ISP_CHARACTERS_MAX = 128;

/** Characters of an identifier inside a value, such as an owner. */
export const IDENTIFIER_CHARACTERS_MAX = 256;

/** Characters of a reason that a consumer states. */
export const REASON_CHARACTERS_MAX = 512;

/** Bytes of one object of a map track: a snapshot of 10,000 acknowledgements is about 2 MB. */
export const MAP_BYTES_MAX = 4 * 1024 * 1024;

/** Keys of a map track: a PoP applies far fewer tracks. */
export const MAP_KEYS_MAX = 20_000;

/** Bytes of one value of a map track. */
export const MAP_VALUE_BYTES_MAX = 64 * 1024;

/** Bytes of a value that is a few fields. */
export const SMALL_VALUE_BYTES_MAX = 4096;

/** Bytes of a writer's id, which is a segment of its heartbeat's path. */
export const WRITER_ID_BYTES_MAX = 256;

/** Pools of a gateway on a node, each address family on its own. */
export const NODE_POOLS_MAX = 1024;

/** Members of a pool that a node reports. */
export const NODE_MEMBERS_MAX = 1024;

/** Bytes of the state of a gateway's pools: 20,000 members take about 4 MB. */
export const NODE_POOLS_BYTES_MAX = 4 * 1024 * 1024;

/** Bytes of a gateway's configuration, 4 MiB: 200 services with 50 members each, every field written. */
export const GATEWAY_CONFIGURATION_BYTES_MAX = 4 * 1024 * 1024;

/** Characters of an IPv4 or IPv6 address in text. */
export const ADDRESS_CHARACTERS_MAX = 45;
