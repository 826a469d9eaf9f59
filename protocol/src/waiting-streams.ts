/**
 * Streams that wait for the peer's credit: lower priority values first, and in the order in which they came among equals
 * (draft-18 §7). The cost of taking one grows with the number of different priorities, not with that of the streams.
 */
export class WaitingStreams<S extends { readonly priority: number }> {
  readonly #byPriority = new Map<number, Set<S>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(stream: S): void {
    const streams = this.#byPriority.get(stream.priority) ?? new Set();
    this.#byPriority.set(stream.priority, streams.add(stream));
    this.#size++;
  }

  delete(stream: S): void {
    const streams = this.#byPriority.get(stream.priority);
    if (!streams?.delete(stream)) return;
    this.#size--;
    if (streams.size === 0) this.#byPriority.delete(stream.priority);
  }

  /** The one that goes next, which stays; null if none waits. */
  first(): S | null {
    let best: number | null = null;
    for (const priority of this.#byPriority.keys()) {
      if (best === null || priority < best) best = priority;
    }
    if (best === null) return null;
    for (const stream of this.#byPriority.get(best)!) return stream;
    return null;
  }

  clear(): void {
    this.#byPriority.clear();
    this.#size = 0;
  }
}
