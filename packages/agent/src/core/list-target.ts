import type { ListValue } from './list.js';

/** What an enforcement found and did. */
export interface ListOutcome {
  /** Transactions that were needed; 0 if all was in place. */
  readonly transactions: number;
  /** Intervals in force, both families together. */
  readonly intervals: number;
  /** When the last transaction was in force; null if none was needed. */
  readonly appliedBootMs: number | null;
}

/** The kernel's side of lists, as a runner uses it: makes it so, reads it back. Calls are made one after the other. */
export interface ListTarget {
  /**
   * Enforces a value, reads it back, and leaves it to the kernel to end it at its time.
   *
   * @throws Error with the reason; what was in force before still is
   */
  enforce(id: string, value: ListValue, signal: AbortSignal): Promise<ListOutcome>;
  /** Whether anybody else may have changed what is in force since it was last looked at. */
  changedByOthers(): Promise<boolean>;
  /** Brings about what values are put into, where it is not as it should be; resolves to whether that was needed. */
  repair(): Promise<boolean>;
  /** Declares everything looked at as of now: call before every value is enforced anew. */
  beginVerification(): Promise<void>;
}
