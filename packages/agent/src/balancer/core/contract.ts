import type { ActiveCheck, Family, Protocol, Resolution } from '@higgins/balancing';
import type { DesiredBalancer, DesiredService, ServiceCounters } from '../../targets/maglev/model.js';

/** One active check to be carried out. */
export interface CheckOrder {
  /** Literal address. */
  readonly address: string;
  readonly port: number;
  /** The member's host as configured: for Host headers and server names. */
  readonly host: string;
  readonly check: ActiveCheck;
  /** Whether the member is set up for direct server return is to be found out; absent: whether it serves. */
  readonly direct?: DirectReturnOrder;
}

/** How clients' packets will come to a member: addressed to a virtual address, from the node's MAC address. */
export interface DirectReturnOrder {
  readonly dataPath: 'dsr-l2' | 'dsr-l3';
  readonly protocol: Protocol;
  /** Virtual addresses, literal, 1 and more. */
  readonly addresses: readonly string[];
}

/** What a check found. */
export interface CheckResult {
  readonly ok: boolean;
  /** Time to the answer, or to the failure. */
  readonly latencyMs: number;
  /** Why it failed, for people: at most 200 characters, escaped; null on success. */
  readonly reason: string | null;
  /** The node itself could not carry it out (no sockets, no ports): `ok` is false, and nothing is known of the member. */
  readonly inconclusive?: true;
  /** When the certificate that the member showed ends, in milliseconds since 1970; for `https` and `tls`. */
  readonly certificateEndsWallMs?: number;
}

/** Carries out checks; never rejects but with the signal's reason: whatever goes wrong is a failed check. */
export interface Checker {
  run(order: CheckOrder, signal: AbortSignal): Promise<CheckResult>;
}

/** A name to be resolved. */
export interface ResolutionOrder {
  readonly host: string;
  readonly families: readonly Family[];
  readonly resolution: Resolution;
}

/** Addresses of a name, sorted, none twice; A and AAAA together. */
export interface ResolutionResult {
  readonly addresses: readonly string[];
  /** The smallest TTL of the answer's records; null if the source tells none. */
  readonly ttlMs: number | null;
  /** Families that no server answered for: nothing is known of their addresses, and what was known stays. */
  readonly unanswered?: readonly Family[];
}

/** Resolves names; rejects with a ResolutionError when no server has an answer. */
export interface Resolver {
  resolve(order: ResolutionOrder, signal: AbortSignal): Promise<ResolutionResult>;
}

/** What an application of desired state did. */
export interface Programmed {
  /** Transactions that were needed; 0 if all was in place. */
  readonly transactions: number;
  /** Whether tables, chains or rules changed, and not elements alone. */
  readonly structure: boolean;
  /** When the last transaction was in force. */
  readonly appliedBootMs: number;
}

/**
 * The kernel's side of a balancer: makes it so, reads it back, counts. Calls are made one after the other, but for
 * `connections` and `cut`: those are one after the other among themselves, and at the same time as the rest, because a
 * look at all flows of the node must not delay an ejection.
 */
export interface BalancerTarget {
  /** Brings the kernel from whatever it has to `desired`, in transactions that leave no mixed state. */
  apply(desired: DesiredBalancer, signal: AbortSignal): Promise<Programmed>;
  /** Reads back and says in words what is not as it was applied last; empty if all is. */
  verify(): Promise<readonly string[]>;
  counters(): Promise<readonly ServiceCounters[]>;
  /** Flows that the node tracks to this member; 0 for direct server return. */
  connections(service: DesiredService, member: string): Promise<number>;
  /** Ends the flows that the node tracks to this member; resolves to how many. */
  cut(service: DesiredService, member: string): Promise<number>;
  /** Removes everything of this balancer from the kernel. */
  flush(): Promise<void>;
}
