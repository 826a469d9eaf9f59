/**
 * How fast the programs on a host read. Below their speed a connection keeps what has arrived and acknowledges it, but
 * opens no windows, as a transport does whose program falls behind: the connection lives, and its peer's backlog grows.
 */
export class HostReading {
  #bytesPerSecond = Number.POSITIVE_INFINITY;
  readonly #changed = new Set<() => void>();

  /** Bytes per second and connection; 0: nothing is read; infinity, the default: at once. */
  get bytesPerSecond(): number {
    return this.#bytesPerSecond;
  }

  set bytesPerSecond(value: number) {
    if (!(value >= 0)) throw new RangeError(`bytesPerSecond is ${value}, expected 0 or more`);
    if (value === this.#bytesPerSecond) return;
    this.#bytesPerSecond = value;
    for (const changed of [...this.#changed]) changed();
  }

  /** Calls `changed` after each change, until disposed of. */
  onChange(changed: () => void): Disposable {
    this.#changed.add(changed);
    return { [Symbol.dispose]: () => this.#changed.delete(changed) };
  }
}
