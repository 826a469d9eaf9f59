/** An AbortSignal that its owner can abort, made without the platform: pure packages have no AbortController. */
export class Cancellation implements AbortSignal {
  readonly #listeners = new Set<() => void>();
  #reason: unknown = undefined;
  #aborted = false;

  get aborted(): boolean {
    return this.#aborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason;
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.delete(listener);
  }

  /** Aborts, once. */
  cancel(): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = new Error('cancelled');
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
  }
}
