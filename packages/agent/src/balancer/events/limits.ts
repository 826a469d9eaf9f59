/** Limits of webhooks, each with its reason. */

/** Receivers; each has a queue and at most one connection. */
export const WEBHOOKS_MAX = 16;

/** Events that wait for one receiver, up to 64 KB each and mostly below 1 KB; then the oldest go. */
export const EVENTS_WAITING_MAX = 1_000;

/** Bytes of a request's body; an event with longer lists is sent without them. */
export const BODY_BYTES_MAX = 64 * 1024;

/** Times that one event is sent: with the pauses below, for about two minutes. */
export const ATTEMPTS_MAX = 8;

/** Pause after the first failure, doubled with each further one up to the maximum; the half of it is random. */
export const RETRY_MS = 1_000;
export const RETRY_MS_MAX = 60_000;

/** Headers of one webhook, and characters of one of them. */
export const HEADERS_MAX = 32;
export const HEADER_CHARACTERS_MAX = 4_096;
