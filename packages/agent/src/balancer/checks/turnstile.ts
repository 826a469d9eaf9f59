import { onAbort } from './on-abort.js';

/** More wait than may; nothing was started. The receiver tries again later. */
export class TurnstileFullError extends Error {
  override readonly name = 'TurnstileFullError';
  readonly code = 'turnstile-full';
}

/**
 * Lets at most so many in at a time, the others in the order in which they came: nobody overtakes, and each place that
 * becomes free goes to whoever has waited longest.
 */
export class Turnstile {
  readonly #placesMax: number;
  readonly #waitingMax: number;
  readonly #waiting = new Set<() => void>();
  #inside = 0;

  /** Both 1 and above. */
  constructor(placesMax: number, waitingMax: number) {
    this.#placesMax = placesMax;
    this.#waitingMax = waitingMax;
  }

  get inside(): number {
    return this.#inside;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes a place if there is one; the caller gives it back with `leave`. */
  tryEnter(): boolean {
    if (this.#inside >= this.#placesMax) return false;
    this.#inside++;
    return true;
  }

  /**
   * Waits for a place, which the caller gives back with `leave`.
   *
   * @throws TurnstileFullError; the signal's reason
   */
  async enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.tryEnter()) return;
    if (this.#waiting.size >= this.#waitingMax) throw new TurnstileFullError(`${this.#waitingMax} wait already`);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => {
      this.#waiting.delete(resolve);
      reject(signal.reason);
    };
    this.#waiting.add(resolve);
    const cancel = onAbort(signal, abort);
    try {
      await promise;
    } finally {
      cancel();
    }
  }

  /** Gives a place back: to the one that has waited longest, if anyone waits. */
  leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#inside--;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
