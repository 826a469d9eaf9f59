import type {
  Algorithm,
  BreakerState,
  DataPath,
  EjectionReason,
  Family,
  FrontEnd,
  MemberState,
  PoolMode,
  Protocol,
} from '@higgins/balancing';
import type { BalancerEvent, MemberName, PoolName } from './events.js';

/**
 * What a balancer tells and does for its operator, in process and over the local socket alike. Everything that goes in or
 * comes out is plain data; times are on the wall clock of the node.
 */
export interface BalancerControl {
  status(): Promise<BalancerStatus>;
  /** Who will serve a flow that begins now, and why the others will not. @throws ControlError `invalid` for a bad address. */
  explain(flow: FlowQuestion): Promise<FlowExplanation>;
  /** What would move if the source were read again now. @throws ControlError `refused` if it does not hold a valid one. */
  diff(): Promise<BalancerDiff>;
  /** As `diff`, for another configuration file of the same dialect, read by the balancer's process. */
  diffFile(path: string): Promise<BalancerDiff>;
  /**
   * Ends new flows to the members that the selector names, in all pools and families; established ones stay until they
   * end or the deadline. It lasts over restarts and reloads until `undrain`.
   *
   * @throws ControlError `not-found` if no member is named
   */
  drain(selector: MemberSelector, options?: DrainOptions): Promise<readonly MemberName[]>;
  /** Ends a drain, finished or not. @throws ControlError `not-found`. */
  undrain(selector: MemberSelector): Promise<readonly MemberName[]>;
  /** Removes everything from the kernel: traffic is balanced no more until `reload`, also after a restart of the process. */
  flush(): Promise<void>;
  /** Reads the source again; resolves once the kernel has it. @throws ControlError `refused`; the one before is in force. */
  reload(): Promise<ReloadResult>;
  /** What happens from now on, until the signal. A reader that is too slow loses the oldest events and is told how many. */
  events(signal: AbortSignal): AsyncIterable<EventNotice>;
}

/** An event, or the number of events that a slow reader lost. */
export type EventNotice = BalancerEvent | { readonly kind: 'lost'; readonly events: number };

/** Whom a drain is about; what is absent matches all. */
export interface MemberSelector {
  readonly owner?: string;
  readonly loadBalancer?: string;
  readonly pool?: string;
  /** As configured; it stands for all addresses of a name. */
  readonly member: string;
}

/** How a drain ends. */
export interface DrainOptions {
  /** When flows that are left are cut, from now; 0 cuts at once, null waits for them. Absent: as the pool says. */
  readonly deadlineMs?: number | null;
}

/** The state of the whole balancer. */
export interface BalancerStatus {
  /** Names the node on the bus. */
  readonly node: string;
  readonly nowWallMs: number;
  readonly startedWallMs: number;
  readonly configuration: ConfigurationStatus;
  readonly kernel: KernelStatus;
  /** Connection tracking of the node; null where it can't be read. */
  readonly conntrack: { readonly entries: number; readonly entriesMax: number } | null;
  readonly services: readonly ServiceStatus[];
  readonly pools: readonly PoolStatus[];
  readonly names: readonly NameStatus[];
  /** What the node lacks, and what would go wrong for it, with the remedy. */
  readonly warnings: readonly string[];
}

/** Where the desired state comes from, and how fresh it is. */
export interface ConfigurationStatus {
  /** Path of the file, or of the track. */
  readonly source: string;
  /** Counts configurations that were put in force since the start. */
  readonly revision: number;
  readonly appliedWallMs: number | null;
  /** Why the newest one is not in force; null if it is. */
  readonly refused: { readonly reason: string; readonly atWallMs: number } | null;
  /** Since when the source can't be asked, or its value is past its time; null while it is fresh. */
  readonly stale: { readonly reason: string; readonly sinceWallMs: number } | null;
}

/** What the kernel was last told. */
export interface KernelStatus {
  /** `flushed`: by the operator, nothing is balanced. `failed`: the newest state is not in force, the one before is. */
  readonly phase: 'starting' | 'in-force' | 'applying' | 'failed' | 'flushed';
  /** Counts desired states that are in force since the start. */
  readonly generation: number;
  readonly appliedWallMs: number | null;
  readonly failure: { readonly reason: string; readonly atWallMs: number } | null;
  readonly verifiedWallMs: number | null;
}

/** Packets, bytes and flows since the kernel's counters began, or since this process did, whichever came first. */
export interface TrafficTotals {
  readonly packets: number;
  readonly bytes: number;
  readonly flows: number;
}

/** A listener in one address family. */
export interface ServiceStatus {
  /** As chains, maps and counters of the kernel have it. */
  readonly id: string;
  readonly owner: string;
  readonly loadBalancer: string;
  readonly listener: string;
  readonly frontEnd: FrontEnd;
  readonly family: Family;
  readonly protocol: Protocol;
  readonly port: number;
  /** Empty: every address of the host. */
  readonly addresses: readonly string[];
  readonly interfaces: readonly string[];
  readonly dataPath: DataPath;
  readonly pool: string;
  readonly algorithm: Algorithm;
  /** Whether a flow keeps its member on another node that has the same pool and seed. */
  readonly failoverSafe: boolean;
  /** 32 bits. */
  readonly seed: number;
  readonly totals: TrafficTotals;
  readonly refused: { readonly limit: number; readonly rate: number; readonly source: number; readonly none: number };
  /** New connections a second that this node lets in: its part of the PoP's limit; null: no limit. */
  readonly connectionsPerSecond: number | null;
  /** Nodes of the PoP that share that limit, this one included. */
  readonly nodes: number;
  /** In the order of names. */
  readonly members: readonly ServiceMemberStatus[];
}

/** A member's part in one service. */
export interface ServiceMemberStatus {
  readonly member: string;
  readonly address: string;
  readonly port: number;
  /** Slots that lead to it, of `slotsTotal`; for `numgen` selectors, turns per cycle. */
  readonly slots: number;
  readonly slotsTotal: number;
  /** Flows that the node tracks; null for direct server return, and where it was not counted yet. */
  readonly connections: number | null;
  /** At the limit of connections per member: others take new flows. */
  readonly full: boolean;
  readonly totals: TrafficTotals;
}

/** A pool in one address family. */
export interface PoolStatus extends PoolName {
  readonly algorithm: Algorithm;
  readonly mode: PoolMode;
  readonly available: number;
  readonly members: readonly MemberStatusReport[];
}

/** A member's health. */
export interface MemberStatusReport {
  readonly member: string;
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  /** The part of its weight that it has now, 0 to 100. */
  readonly sharePercent: number;
  readonly priority: number;
  readonly state: MemberState;
  readonly reason: EjectionReason | null;
  readonly sinceWallMs: number;
  /** When an ejection ends by itself. */
  readonly restoreAtWallMs: number | null;
  readonly breaker: BreakerState;
  readonly drain: DrainStatus | null;
  /** Null if it is not checked. */
  readonly check: CheckStatus | null;
  /** Whether it is set up for direct server return, by listener; those that nobody looks at are left out. */
  readonly directReturn: readonly DirectReturnStatus[];
}

/** What was found out about a member's setup for a listener with direct server return. */
export interface DirectReturnStatus {
  readonly listener: string;
  /** Whether packets are held back from a member that fails. */
  readonly enforced: boolean;
  /** When it was looked at last; null: not yet. */
  readonly lastWallMs: number | null;
  /** What was wrong then: a word for it, a colon, and a sentence; null if nothing was. */
  readonly failure: string | null;
}

/** How far a drain is. */
export interface DrainStatus {
  /** `configuration`: by weight 0 or admin state; `operator`: by command. */
  readonly by: 'configuration' | 'operator';
  readonly endsAtWallMs: number | null;
  /** Flows left; null while not counted yet. */
  readonly connections: number | null;
}

/** What a member's checks found. */
export interface CheckStatus {
  readonly type: string;
  /** Results in a row: above 0 successes, below 0 failures. */
  readonly run: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly lastWallMs: number | null;
  readonly lastLatencyMs: number | null;
  readonly smoothedLatencyMs: number | null;
  /** Why the last one failed; null if it did not. */
  readonly lastFailure: string | null;
  /** When the certificate that the member showed last ends; null where none was seen. */
  readonly certificateEndsWallMs: number | null;
}

/** A name that members have in place of an address. */
export interface NameStatus {
  readonly host: string;
  readonly servers: readonly string[];
  readonly addresses: readonly string[];
  /** When the addresses were last confirmed; null: never. */
  readonly resolvedWallMs: number | null;
  readonly nextWallMs: number | null;
  /** Why the last resolution failed, with the addresses that are kept; null if it did not. */
  readonly failure: string | null;
}

/** A flow as its first packet shows it. */
export interface FlowQuestion {
  readonly protocol: Protocol;
  readonly sourceAddress: string;
  readonly sourcePort: number;
  readonly destinationAddress: string;
  readonly destinationPort: number;
  /** The receiving device; absent: one that every listener takes from. */
  readonly interface?: string;
}

/** What becomes of a flow. */
export interface FlowExplanation {
  readonly flow: FlowQuestion;
  /**
   * `member`: this one serves it. `in-turn`: the kernel takes the next slot, so the member depends on the flows before.
   * `remembered`: the client may be remembered with another member; `member` serves it if it is not. `none`: nobody
   * serves. `blocked`: refused by allow or block list. `not-balanced`: no listener takes it.
   */
  readonly outcome: 'member' | 'in-turn' | 'remembered' | 'none' | 'blocked' | 'not-balanced';
  readonly service: string | null;
  readonly loadBalancer: string | null;
  readonly listener: string | null;
  readonly pool: string | null;
  readonly algorithm: Algorithm | null;
  readonly slot: number | null;
  readonly slotsTotal: number | null;
  readonly member: string | null;
  readonly address: string | null;
  readonly port: number | null;
  /** One sentence on the outcome, for people. */
  readonly because: string;
  /** The pool's other members and what speaks against each: out, no share, or simply another slot. */
  readonly others: readonly { readonly member: string; readonly address: string; readonly because: string }[];
}

/** What a configuration would change. */
export interface BalancerDiff {
  /** Whether anything would. */
  readonly changed: boolean;
  readonly services: readonly ServiceDiff[];
}

/** What a configuration would change for one service; services without any change are left out. */
export interface ServiceDiff {
  readonly id: string;
  readonly listener: string;
  readonly change: 'added' | 'removed' | 'changed';
  /** Names of fields that differ, such as `port` or `limits`; empty if members alone do. */
  readonly fields: readonly string[];
  readonly membersAdded: readonly string[];
  readonly membersRemoved: readonly string[];
  readonly slotsTotal: number;
  /** Slots that lead to another member than now. */
  readonly slotsMoved: number;
  /** Share of new flows that would go to another member than now, 0 to 1; null where the kernel counts in turn. */
  readonly flowsMoved: number | null;
  /** From whom to whom, the largest first; null stands for nobody. */
  readonly moves: readonly { readonly from: string | null; readonly to: string | null; readonly slots: number }[];
}

/** A configuration that is in force. */
export interface ReloadResult {
  readonly revision: number;
  /** False if it says what the one before said. */
  readonly changed: boolean;
}

/** What is wrong with a request: `unavailable` if no balancer serves the socket. */
export type ControlErrorCode = 'not-found' | 'invalid' | 'refused' | 'unavailable' | 'failed';

/** A request that was not carried out; nothing has changed. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
  readonly code: ControlErrorCode;

  constructor(code: ControlErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
