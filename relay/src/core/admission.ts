/** How many seconds' worth of sessions may come at once after a quiet time. */
const BURST_SECONDS = 1;

/**
 * How fast new sessions are let in. When everyone comes back at once, those beyond the rate are turned away before they
 * cost anything, and come again after a pause of their own, which grows and is random.
 */
export class Admission {
  readonly #perSecond: number;
  #free: number;
  #atMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#free = perSecond * BURST_SECONDS;
    this.#atMs = nowMs;
  }

  /** Whether one more session may come in now; if so, it counts. */
  admit(nowMs: number): boolean {
    const grownTo = this.#free + ((nowMs - this.#atMs) / 1000) * this.#perSecond;
    this.#atMs = nowMs;
    this.#free = Math.min(grownTo, this.#perSecond * BURST_SECONDS);
    if (this.#free < 1) return false;
    this.#free -= 1;
    return true;
  }
}
