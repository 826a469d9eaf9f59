/** Limits of active checks, each with its reason. */

/**
 * Checks on the wire at a time: a thousand per second that all wait two seconds for nothing; each holds one descriptor
 * and, with TLS, up to 100 KB.
 */
export const CHECKS_AT_A_TIME_MAX = 2_048;

/** Checks that wait for a place, a few hundred bytes each: more members than a node has, each waits with one. */
export const CHECKS_WAITING_MAX = 131_072;

/** Bytes of an HTTP answer up to the end of its head; servers themselves allow 8 or 16 KB. The body is not read. */
export const HTTP_HEAD_BYTES_MAX = 16 * 1024;

/** Characters of a reason: one line of a log or a table. */
export const REASON_CHARACTERS_MAX = 200;

/** Check types that an operator registers. */
export const CHECK_TYPES_MAX = 64;
