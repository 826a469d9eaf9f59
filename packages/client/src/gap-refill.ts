import type { Runtime } from '@higgins/runtime';
import { Backoff } from './core/backoff.js';
import type { Place } from './core/track-order.js';
import type { TrackJoin } from './track-join.js';

/** Refetches that may fill a gap before a new group is asked for. */
const REFETCHES_BEFORE_NEW_GROUP = 2;

/**
 * Decides how a gap is filled: by a fetch, the first time at once and then with pauses; when that does not help, by a
 * new group that the publisher is asked for.
 */
export class GapRefill {
  readonly #runtime: Runtime;
  readonly #backoff = new Backoff();
  #timer: Disposable | null = null;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** `newGroup`: no fetch can help. `newest`: the newest group that was seen, in part or whole; null: none was. */
  fill(join: TrackJoin, after: Place | null, newGroup: boolean, newest: number | null): void {
    const attempt = this.#backoff.attempts;
    const pauseMs = this.#backoff.nextMs(this.#runtime.random());
    if (newGroup || attempt >= REFETCHES_BEFORE_NEW_GROUP) join.requestGroup(newest);
    if (newGroup) return;
    if (attempt === 0) {
      join.refetch(after);
      return;
    }
    this.stop();
    this.#timer = this.#runtime.at(this.#runtime.bootMs() + pauseMs, () => {
      this.#timer = null;
      join.refetch(after);
    });
  }

  /** Objects follow each other again. */
  reset(): void {
    this.#backoff.reset();
  }

  stop(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
  }
}
