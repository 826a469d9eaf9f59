import type { Affinity, Family, SlotChoice, SlotTable } from '@higgins/balancing';

/** What the kernel is to do: the whole of it; what is not in here is to go. */
export interface DesiredBalancer {
  readonly services: readonly DesiredService[];
}

/**
 * One listener in one address family, with everything that the kernel needs and nothing else. Plain data: the same
 * services plan the same ruleset, byte for byte.
 */
export interface DesiredService {
  /** Unique; letters, digits and `_`, 1 to 48 characters: chains, maps and counters are named after it. */
  readonly id: string;
  readonly family: Family;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly port: number;
  /** Addresses, CIDRs or `first-last` of the family; empty: every address of the host. */
  readonly addresses: readonly string[];
  /** Receiving devices; empty: all. */
  readonly interfaces: readonly string[];
  /** Priority of the chain that takes the packet up. */
  readonly priority: number;
  readonly dataPath: 'nat' | 'dsr-l2' | 'dsr-l3';
  /** Direct server return in XDP: what the front end asked for. */
  readonly acceleration: 'off' | 'auto' | 'require';
  /** How the kernel comes to a slot, and who serves it; a table without slots serves nobody. */
  readonly choice: SlotChoice;
  readonly table: SlotTable;
  /** By name: all members of the pool in this family, in the table or not (drained ones have flows). */
  readonly members: ReadonlyMap<string, ServiceMember>;
  readonly affinity: Affinity | null;
  /** Null: no limit. */
  readonly connectionsPerMember: number | null;
  readonly connectionsPerSecond: number | null;
  readonly burst: number;
  readonly connections: number | null;
  /** How members on trial are held back; null: nobody ever is on trial. */
  readonly trial: Trial | null;
  /** Null: the kernel's own. */
  readonly connectMs: number | null;
  readonly idleMs: number | null;
  readonly onIdle: 'release' | 'reset';
  /** Source address towards members: the client's, the outgoing device's, or one of the node's. */
  readonly source: 'keep' | 'masquerade' | { readonly address: string };
  /** Prefixes that are let in, null: all; and those that are dropped. Lists of the bus are enforced by the list target. */
  readonly allow: readonly string[] | null;
  readonly block: readonly string[];
  readonly mirror: string | null;
  readonly localTraffic: boolean;
}

/** Members on trial, each of which has at most so many connections at a time: what is above goes to others. */
export interface Trial {
  readonly connectionsMax: number;
  /** Names; none while nobody is on trial. */
  readonly members: readonly string[];
  /** Who serves a slot instead; as many slots as the service's table, or null where there is nobody else. */
  readonly others: SlotTable | null;
}

/** Where a member is. */
export interface ServiceMember {
  /** Literal address of the service's family. */
  readonly address: string;
  /** Equal to the service's port for direct server return. */
  readonly port: number;
}

/** What one member did since the table was made; monotonic until the kernel's counters start anew. */
export interface MemberCounters {
  readonly packets: number;
  readonly bytes: number;
  /** New flows. */
  readonly flows: number;
  /** First packets of connections, answers to them, and resets in answer to them; TCP with NAT only, else 0. */
  readonly opened: number;
  readonly answered: number;
  readonly refused: number;
}

/** Counters of one service. */
export interface ServiceCounters {
  readonly id: string;
  readonly packets: number;
  readonly bytes: number;
  /** Flows that were refused or dropped, by reason. */
  readonly refused: { readonly limit: number; readonly rate: number; readonly source: number; readonly none: number };
  readonly members: ReadonlyMap<string, MemberCounters>;
}
