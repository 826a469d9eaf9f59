import { BACKOFF_INITIAL_MS, BACKOFF_MAX_MS } from '../limits.js';

/** Pauses between attempts: doubled each time up to a cap, and spread over their upper half so that peers do not march in step. */
export class Backoff {
  #attempts = 0;

  /** The pause before the next attempt. `random`: a number in [0, 1). */
  nextMs(random: number): number {
    const fullMs = Math.min(BACKOFF_INITIAL_MS * 2 ** this.#attempts, BACKOFF_MAX_MS);
    this.#attempts = Math.min(this.#attempts + 1, 30);
    return fullMs * (0.5 + random / 2);
  }

  /** Attempts since the last success. */
  get attempts(): number {
    return this.#attempts;
  }

  /** It worked: the next pause is short again. */
  reset(): void {
    this.#attempts = 0;
  }
}
