/** Limits and paces of the balancer's shell, each with its reason. */

/** Time within which the kernel must take a program; 1,000 services take some seconds. */
export const PROGRAM_MS_MAX = 60_000;

/** Bytes of saved state: 50,000 members with 300 bytes each are 15 MB. */
export const SAVED_STATE_BYTES_MAX = 64 * 1024 * 1024;

/** How often the use of connection tracking is looked at. */
export const CONNTRACK_INTERVAL_MS = 5_000;

/** Events that wait for a reader of the socket; a slow one loses the oldest. */
export const READER_EVENTS_MAX = 1_000;

/** Bytes of a request on the local socket: a selector or a path. */
export const REQUEST_BYTES_MAX = 64 * 1024;

/** Bytes of an answer on the local socket: the status of 1,000 services with 50 members each. */
export const ANSWER_BYTES_MAX = 256 * 1024 * 1024;

/** Clients of the local socket at a time. */
export const CONTROL_CONNECTIONS_MAX = 64;
