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
