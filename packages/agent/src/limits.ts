/** Limits of the agent, each with its reason. */

/** Lists per agent: each has a dozen chains, sets and maps in the kernel, and a slot of its own in every verification. */
export const LISTS_MAX = 1_000;

/** Relays in the configuration; their addresses are let through before any list. */
export const RELAYS_MAX = 16;

/** A list file larger than this is refused unread: a million IPv6 prefixes in text. */
export const LIST_FILE_BYTES_MAX = 64 * 1024 * 1024;

/** Entries of one list file: ten times what a list on the bus may have, since no object has to carry them. */
export const LIST_FILE_ENTRIES_MAX = 1_000_000;

/** How often the ruleset's generation is asked for: a change made by others is noticed and undone within this time. */
export const VERIFY_INTERVAL_MS = 1_000;

/** Time within which one enforcement must end; a million entries take some seconds. */
export const ENFORCE_MS_MAX = 60_000;

/** Entries up to which every acknowledgement waits for `nft` to read the list back; about 10 ms per 1,000. */
export const WITNESS_ENTRIES_MAX = 100_000;

/** Changes to a file within this time are read once. */
export const FILE_SETTLE_MS = 50;

/** Clients of the local socket at a time. */
export const LOCAL_CONNECTIONS_MAX = 64;

/** How often the relays' names are resolved again. */
export const RESOLVE_INTERVAL_MS = 30_000;
