import type { Batch } from './fuzz-thread.js';

/** How far a run goes. */
export interface Extent {
  readonly from: number;
  readonly inputs?: number;
  readonly minutes: number;
}

/** Gives each thread its next inputs, until there have been enough or the time is over. */
export class Numbers {
  /** The number of the next input. */
  next: number;
  readonly #end: number;
  readonly #untilMs: number;

  /** `inputs`: how many; undefined: as many as there is time for, from `startedMs` on. */
  constructor({ from, inputs, minutes }: Extent, startedMs: number) {
    this.next = from;
    this.#end = inputs === undefined ? Number.POSITIVE_INFINITY : from + inputs;
    this.#untilMs = inputs === undefined ? startedMs + minutes * 60_000 : Number.POSITIVE_INFINITY;
  }

  get over(): boolean {
    return this.next >= this.#end || performance.now() >= this.#untilMs;
  }

  take(count: number): Batch {
    const batch = { from: this.next, count: Math.min(count, this.#end - this.next) };
    this.next += batch.count;
    return batch;
  }
}
