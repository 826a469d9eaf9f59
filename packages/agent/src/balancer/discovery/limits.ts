/** Limits of members from files, each with its reason. */

/** Files of one directory; each holds the endpoints of a Service, and a list of all of them fits one file. */
export const ENDPOINT_FILES_MAX = 1_000;

/** Changes within this time are read once: whoever writes several files writes them together. */
export const SETTLE_MS = 50;

/** The path is read again so often, told or not: network file systems tell nothing, and a missing path can't be watched. */
export const RESCAN_MS = 30_000;
