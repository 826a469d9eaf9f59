import type { Observation } from './observation.js';

/** What an invariant says, for tables and reports. */
export interface Guarantee {
  /** Stable name, such as `version-never-goes-back`: that of its file. */
  readonly id: string;
  /** What must hold, in one sentence. */
  readonly statement: string;
  /** Numbers of the design's list of invariants that it judges, in part or whole; empty: a requirement beside that list. */
  readonly design: readonly number[];
}

/** A statement that must hold in every run; see design of the simulator in the README. Stateful: one instance per run. */
export interface Invariant extends Pick<Guarantee, 'id' | 'statement'> {
  /** Judges what happened. Throws a Violation. */
  observe?(observation: Observation, nowMs: number): void;
  /** Judges the state of the world after each step. Throws a Violation. */
  check?(nowMs: number): void;
  /** Judges the end of the run, after everything has healed and settled. Throws a Violation. */
  finish?(nowMs: number): void;
}

/** An invariant does not hold. */
export class Violation extends Error {
  override readonly name = 'Violation';
  readonly invariant: string;
  constructor(invariant: string, message: string) {
    super(message);
    this.invariant = invariant;
  }
}
