/** Families of nf_tables' tables, with the kernel's numbers. */
export const FAMILY_NUMBERS = { inet: 1, ip: 2, arp: 3, netdev: 5, bridge: 7, ip6: 10 } as const;

/** Family of a table. */
export type Family = keyof typeof FAMILY_NUMBERS;

/** Names a table. */
export interface Table {
  readonly family: Family;
  readonly name: string;
}

/**
 * How keys are packed and stand in a set. `plain`: one key per entry. `interval`: first and last key of each interval,
 * for sets of one field with `flags interval`. `range`: the same for concatenations with intervals.
 */
export type Layout = 'plain' | 'interval' | 'range';

/**
 * Entries of one set in packed arrays; the arrays are copied when they are handed over.
 *
 * Keys are in network byte order, each field of a concatenation padded to 4 bytes.
 */
export interface Entries {
  readonly keys: Uint8Array;
  readonly keyBytes: number;
  /** Default `plain`. */
  readonly layout?: Layout;
  /** One per entry, whole milliseconds; 0 stands for none. */
  readonly timeoutsMs?: Float64Array;
  /**
   * One per entry, in place of a timeout: when it ends, in milliseconds from the call that adds it. What passes until the
   * batch is sent is taken off. The kernel ends it at the first tick (1 to 10 ms) that is not before.
   */
  readonly endsInMs?: Float64Array;
  /** What a map's entries lead to: `valueBytes` bytes per entry. */
  readonly values?: Uint8Array;
  readonly valueBytes?: number;
  /** What a verdict map's entries lead to: `accept`, `drop`, `return`, `jump CHAIN` or `goto CHAIN`. */
  readonly verdicts?: readonly string[];
}

/** A new set; numbers are nft's data types (ipv4_addr 7, ipv6_addr 8, inet_service 13, …) and NFT_SET_* flags. */
export interface SetShape {
  readonly flags: number;
  readonly keyType: number;
  readonly keyBytes: number;
  /** For maps. */
  readonly dataType?: number;
  readonly valueBytes?: number;
  /** Bytes of each field of a concatenation with intervals. */
  readonly fields?: readonly number[];
}

/** One step of a batch. Deletions look at the keys alone; `flush` empties a set. */
export type SetOperation =
  | ({ readonly kind: 'add'; readonly set: string } & Entries)
  | ({ readonly kind: 'delete'; readonly set: string } & Entries)
  | { readonly kind: 'flush'; readonly set: string }
  | ({ readonly kind: 'create-set'; readonly set: string } & SetShape)
  | { readonly kind: 'delete-set'; readonly set: string };

/** A set as read from the kernel, sorted by key; intervals are paired as `interval` packs them. */
export interface SetContent {
  readonly keys: Uint8Array;
  /** 0 if the set is empty. */
  readonly keyBytes: number;
  readonly count: number;
  /** NaN where an entry has no timeout. */
  readonly timeoutsMs: Float64Array;
  /** Time left, counted from the call, to the kernel's tick; NaN where an entry has no timeout. */
  readonly expiresMs: Float64Array;
  readonly values: Uint8Array | null;
  readonly verdicts: readonly string[] | null;
}

/** Several sets, all of one generation. */
export interface Snapshot {
  readonly generation: number;
  /** In the order asked for. */
  readonly sets: readonly SetContent[];
}

/** One direction of a flow; what is left out matches everything. Addresses are literal. */
export interface FlowDirection {
  readonly source?: string;
  readonly destination?: string;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
}

/** Which connection-tracking entries are meant. */
export interface FlowFilter {
  /** IP protocol number, such as 6 for TCP. */
  readonly protocol?: number;
  readonly original?: FlowDirection;
  readonly reply?: FlowDirection;
  /** The flow's mark, under `markMask` (default: all bits). */
  readonly mark?: number;
  readonly markMask?: number;
  /** Leaves out TCP flows that have ended and are only remembered (TIME_WAIT, CLOSE). */
  readonly openOnly?: boolean;
}

/** What a named counter has seen since it was made. */
export interface Counted {
  readonly packets: number;
  readonly bytes: number;
}

/** What a table consists of beside the elements of its sets. */
export interface TableStructure {
  readonly generation: number;
  readonly chains: readonly string[];
  readonly sets: readonly string[];
  readonly maps: readonly string[];
  /** Kind by name. */
  readonly objects: ReadonlyMap<string, ObjectKind>;
  /**
   * Hooks and rules in the kernel's own form, without what changes by itself: the same bytes are the same rules. Names of
   * sets stand in it as text.
   */
  readonly rules: Uint8Array;
}

/** Stateful objects, by the kernel's numbers. */
export const OBJECT_KINDS = { 1: 'counter', 2: 'quota', 4: 'limit', 7: 'ct timeout' } as const;

/** Kind of a stateful object; `other` for those that nothing here makes. */
export type ObjectKind = (typeof OBJECT_KINDS)[keyof typeof OBJECT_KINDS] | 'other';
