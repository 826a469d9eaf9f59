/** Limits of the package, each with its reason. */

/** Members of one pool: at 131,071 slots each still has more than 100, which keeps the shares within 1 %. */
export const MEMBERS_MAX = 1_024;

/** Characters of a member's name; names are hashed at every build of a table and stand in every transition. */
export const NAME_CHARACTERS_MAX = 253;

/** Largest weight of a member: as IPVS and HAProxy have them or more, and small enough for exact shares. */
export const WEIGHT_MAX = 65_535;

/** Slots of a sequence (round robin, weighted): 65,536 elements are what a slot map replaces in about 0.1 s. */
export const SEQUENCE_SLOTS_MAX = 65_536;

/** Largest priority of a member; more tiers of backups than anyone runs. */
export const PRIORITY_MAX = 255;

/** Load balancers of one configuration: each has chains of its own in the kernel; more than a node has services. */
export const LOAD_BALANCERS_MAX = 4_096;

/** Listeners, and pools, of one load balancer: one implicit load balancer holds a whole file of targets. */
export const LISTENERS_MAX = 4_096;

/** Addresses of one load balancer or listener, and interfaces of a listener; they stand in a rule or an anonymous set. */
export const ADDRESSES_MAX = 256;

/** Prefixes of a source list in the configuration itself; longer ones belong on the bus, which sends differences. */
export const SOURCE_PREFIXES_MAX = 131_072;

/** DNS servers of one member: each costs a timeout before a name counts as unresolved. */
export const DNS_SERVERS_MAX = 16;

/** Bytes of a check's datagram and of the answer's start: one packet on every path. */
export const DATAGRAM_BYTES_MAX = 1_200;

/** Characters of an owner's or a load balancer's name: both are fields of a track's namespace. */
export const SEGMENT_CHARACTERS_MAX = 128;
