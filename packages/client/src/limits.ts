/** Limits of the client, each with its reason. All of them bound memory that a peer or the network could grow. */

/** Live objects of one track that wait for its fetch: two large lists, or a second of a busy map. */
export const LIVE_BUFFER_OBJECTS_MAX = 1024;
export const LIVE_BUFFER_BYTES_MAX = 8 * 1024 * 1024;

/** How long an event that overtook the group before it waits for the rest of that: streams differ by a retransmission. */
export const OVERTAKEN_MS_MAX = 1000;

/** Events that wait for a slow consumer before its subscription ends with `queue-full`. */
export const EVENT_QUEUE_MAX = 1024;

/** Objects in one group of a map or event track: bounds what a newcomer fetches and what a relay must keep. */
export const GROUP_OBJECTS_MAX = 1024;

/** Bytes of deltas up to which a map's group goes on, however small its snapshot. */
export const GROUP_DELTA_BYTES_MIN = 64 * 1024;

/** Bytes that one subscriber may have outstanding before groups are left out that it allows to be left out. */
export const BACKLOG_BYTES_CONFLATING = 8 * 1024 * 1024;

/** The same for subscribers that want every object: beyond it their subscription ends with TOO_FAR_BEHIND. */
export const BACKLOG_BYTES_MAX = 32 * 1024 * 1024;

/** Longest time that a SUBSCRIBE waits here for a track that is not published yet; asks for more are shortened. */
export const RENDEZVOUS_MS_MAX = 60_000;

/** Subscriptions of one peer that may wait so. */
export const RENDEZVOUS_WAITING_MAX = 1024;

/** Least time between two groups that subscribers asked for: a snapshot may have 4 MiB. */
export const NEW_GROUP_INTERVAL_MS = 1000;

/** How long a SUBSCRIBE asks a relay to wait for a publisher; then it is sent again. */
export const RENDEZVOUS_TIMEOUT_MS = 60_000;

/** How long a SUBSCRIBE may stay unanswered before the cached value is asked for separately. */
export const FALLBACK_DELAY_MS = 250;

/** Tracks that are subscribed to in one turn when a session comes up: some milliseconds of work. The others follow at once. */
export const SUBSCRIBES_PER_TURN_MAX = 64;

/** First and largest pause between attempts to connect or to subscribe; doubled each time, with jitter. */
export const BACKOFF_INITIAL_MS = 100;
export const BACKOFF_MAX_MS = 10_000;

/** How long a connection attempt may take before the next relay is tried. */
export const CONNECT_TIMEOUT_MS = 5_000;

/** How long tombstones are kept and renewed, in longest TTLs of their signal. */
export const TOMBSTONE_TTLS = 2;

/** A value is renewed when this part of its TTL has passed. */
export const RENEWAL_PART = 1 / 3;

/** A session that lasted this long proves that its relay works: the next pause is short again. */
export const CONNECTION_STABLE_MS = 5_000;

/**
 * Values that live at least this long are watched by their writer's heartbeats (every 5 s): the renewals of others tell
 * by themselves, within two minutes, that their writer fell silent.
 */
export const HEARTBEAT_TTL_MS_MIN = 180_000;

/** How long after a connection came up nobody is called silent: three heartbeats. */
export const SILENCE_GRACE_MS = 15_000;

/** Writers whose heartbeats one client watches: a subscription each. More are not watched. */
export const WATCHED_PUBLISHERS_MAX = 1024;

/** How long a session that is being left may go on until its successor has caught up. */
export const HANDOVER_MS_MAX = 5_000;

/** How often it is asked whether it has. */
export const HANDOVER_CHECK_MS = 50;

/** Values of one track that one write of the journal makes safe: bounds the work that is done for them in one turn. */
export const WRITES_TOGETHER_MAX = 1024;
