import type { MemberRecord, MemberStatus } from './member-health.js';
import type { PoolMember, PoolMode } from './rotation.js';

/** A member's state changed. */
export interface MemberTransition {
  readonly kind: 'member';
  readonly atMs: number;
  readonly member: string;
  readonly from: MemberStatus;
  readonly to: MemberStatus;
  /** When an ejection ends by itself; null if it does not. */
  readonly restoreAtMs: number | null;
  /** Established flows: `cut` if the member is dead or its drain is over, else `keep`. UDP flows are to be cut always. */
  readonly flows: 'keep' | 'cut';
}

/** The pool serves in another mode. */
export interface PoolTransition {
  readonly kind: 'pool';
  readonly atMs: number;
  readonly from: PoolMode;
  readonly to: PoolMode;
}

/** What changed through one event; the rotation may have changed whenever this is not empty, or a timeout has passed. */
export type Transition = MemberTransition | PoolTransition;

/** A member as it is configured, with its state. */
export interface MemberReport {
  readonly member: PoolMember;
  readonly status: MemberStatus;
  /** When the status began. */
  readonly sinceMs: number;
  /** When an ejection by outlier detection ends; else null. */
  readonly restoreAtMs: number | null;
  /** A copy. */
  readonly record: MemberRecord;
}
