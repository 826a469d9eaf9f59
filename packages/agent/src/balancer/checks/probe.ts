import type { CheckOrder } from '../core/contract.js';
import { isOfTheNode, printableReason, reasonOf } from './reason.js';

/** What a probe found. */
export interface Outcome {
  /** Null on success. */
  readonly failure: string | null;
  /** The node itself could not carry it out. */
  readonly inconclusive?: true;
  readonly certificateEndsWallMs?: number;
}

/** A probe under way. */
export interface Attempt {
  /** What it means that nothing has been settled by the deadline; absent: a failure. */
  readonly silence?: Outcome;
  /** Releases everything the probe holds; called once, whether it has settled or not. */
  end(): void;
}

/**
 * Begins one check. `settle` is called at a later turn of the loop, by the first finding; later calls are ignored. May
 * throw, which is a failure.
 */
export type Probe = (order: CheckOrder, settle: (outcome: Outcome) => void) => Attempt;

/** The check is good. */
export const GOOD: Outcome = { failure: null };

/** The member did not do what was asked of it. */
export function failed(reason: string): Outcome {
  return { failure: printableReason(reason) };
}

/** Nothing is known of the member. */
export function inconclusive(reason: string): Outcome {
  return { failure: printableReason(reason), inconclusive: true };
}

/** What an error of a socket means. */
export function outcomeOf(error: unknown): Outcome {
  return isOfTheNode(error) ? inconclusive(reasonOf(error)) : failed(reasonOf(error));
}

/** The port that a check goes to. */
export function checkedPort(order: CheckOrder): number {
  return order.check.port ?? order.port;
}
