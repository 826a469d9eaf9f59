import type { Observation } from '../../frame/observation.js';

/** How long after a stall packets may still be late: senders probe ever more rarely, and what was sent behind waits too. */
const TAIL_MS = 6000;

/**
 * Adds up the time in which a fault held deliveries up where no relay can count it. Times are the world's; when two
 * faults overlap, their time counts once.
 */
export class Stalls {
  #active = 0;
  #totalMs = 0;
  #sinceMs = 0;
  #endedMs = Number.NEGATIVE_INFINITY;

  observe(observation: Observation, nowMs: number): void {
    if (observation.kind !== 'fault' || !observation.stalls) return;
    if (this.#active > 0) this.#totalMs += nowMs - this.#sinceMs;
    this.#sinceMs = nowMs;
    this.#active += observation.phase === 'begin' ? 1 : -1;
    if (this.#active === 0) this.#endedMs = nowMs;
  }

  /** What is to be given to `lateSinceMs`. */
  mark(nowMs: number): StallMark {
    return { totalMs: this.#totalAt(nowMs), calm: this.#active === 0 && nowMs > this.#endedMs + TAIL_MS };
  }

  /** How much a delivery that began then may have been held up until now. */
  lateSinceMs(mark: StallMark, nowMs: number): number {
    const stalledMs = this.#totalAt(nowMs) - mark.totalMs;
    return stalledMs === 0 && mark.calm ? 0 : stalledMs + TAIL_MS;
  }

  #totalAt(nowMs: number): number {
    return this.#active > 0 ? this.#totalMs + nowMs - this.#sinceMs : this.#totalMs;
  }
}

export interface StallMark {
  readonly totalMs: number;
  readonly calm: boolean;
}
