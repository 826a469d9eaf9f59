/**
 * What turns desired state into running configuration: `plan` is pure, `apply` is atomic, `verify` reads back.
 *
 * A deadline is an operation like any other, put where it outlives the agent.
 */
export interface Target<Desired, Actual, Op> {
  /** The operations that lead from `actual` to `desired`; none if nothing is to change. */
  plan(desired: Desired, actual: Actual, nowBootMs: number): Op[];
  /** Carries out all operations or none; rejects with the reason. */
  apply(operations: readonly Op[], signal: AbortSignal): Promise<void>;
  /** What is in force now, read from the system. */
  verify(): Promise<Actual>;
}
