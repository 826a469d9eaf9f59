/** Limits and paces of a balancer, each with its reason. */

/** How often the kernel's counters are read: passive checks and rates are judged by what happened in between. */
export const COUNT_INTERVAL_MS = 1_000;

/** How often flows are counted where a decision hangs on them: least connections, full members, drains. */
export const SAMPLE_INTERVAL_MS = 1_000;

/** How often the flows of all other members are counted, for status and metrics alone. */
export const SAMPLE_IDLE_INTERVAL_MS = 10_000;

/** How often weights by latency move, by a fifth at most. */
export const LATENCY_INTERVAL_MS = 5_000;

/** Time that a member has for its answer to a first packet where the listener does not say. */
export const CONNECT_MS_DEFAULT = 5_000;

/** Steps in which unanswered first packets are remembered until their time is up: their times are off by a sixteenth. */
export const UNANSWERED_STEPS = 16;

/** Addresses of one name that are used; answers of resolvers are larger only by mistake. */
export const NAME_ADDRESSES_MAX = 256;

/** The first program waits so long for names that never resolved: a start is then one change and not many. */
export const FIRST_RESOLUTION_MS_MAX = 2_000;

/** First pause before a refused program is tried again; doubled each time up to the maximum, with jitter. */
export const PROGRAM_RETRY_MS = 500;
export const PROGRAM_RETRY_MS_MAX = 30_000;

/** Pause before flows that could not be cut are cut again. */
export const CUT_RETRY_MS = 1_000;

/** State goes to disk no more often than this; what a crash loses is at most so old. */
export const PERSIST_INTERVAL_MS = 1_000;

/** Progress of a drain is told no more often than this. */
export const DRAIN_PROGRESS_MS = 5_000;

/** Share of connection tracking in use above which it is an alarm, and below which the alarm is over. */
export const CONNTRACK_HIGH_SHARE = 0.8;
export const CONNTRACK_NORMAL_SHARE = 0.75;

/** Events that wait to be taken; more only if the process is stuck, and then the oldest go. */
export const EVENTS_WAITING_MAX = 10_000;

/** How often members of direct server return are looked at: what an operator repairs serves again within this time. */
export const DIRECT_INTERVAL_MS = 5_000;

/** The time that such a look may take, in which a question is put three times. */
export const DIRECT_TIMEOUT_MS = 2_000;

/** Looks in a row that find fault with a member before it is taken out of service. */
export const DIRECT_FALL = 3;

/** Virtual addresses of a listener that each member is asked for: a round of looks has room for 512 members with so many. */
export const DIRECT_ADDRESSES_MAX = 8;

/** Characters of a reason in events and status. */
export const REASON_CHARACTERS_MAX = 200;

/** How often the kernel is asked whether somebody else changed what is ours: it is put right within this time. */
export const VERIFY_INTERVAL_MS = 1_000;

/** Time for which a node's state must have been over, with the bus there, before the others take its share of limits. */
export const NODE_GONE_MS = 10_000;
