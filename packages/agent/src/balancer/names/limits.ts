/** Limits of name resolution, each with its reason. */

/** Time that one server has, retransmissions included; the next one is asked then. */
export const SERVER_TIMEOUT_MS = 2_000;

/** First retransmission to a server; each further one waits twice as long. */
export const RETRANSMIT_MS = 500;

/** Addresses of one name: a pool of that many members is large, and an answer of that size fits two datagrams. */
export const NAME_ADDRESSES_MAX = 256;

/** Resolutions at a time; each holds up to two descriptors. */
export const RESOLUTIONS_AT_A_TIME_MAX = 256;

/** Resolutions that wait, a few hundred bytes each. */
export const RESOLUTIONS_WAITING_MAX = 65_536;

/** Servers taken from the system's configuration; the C library takes three. */
export const SYSTEM_SERVERS_MAX = 8;

/** Bytes of `resolv.conf` and `hosts` that are read; block lists in `hosts` have some megabytes. */
export const SYSTEM_FILE_BYTES_MAX = 8 * 1024 * 1024;
