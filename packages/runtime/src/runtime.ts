/**
 * Everything that a program may ask of the machine beside the network: clocks, timers, randomness and disk.
 *
 * Cores take times and random numbers as arguments; only the shells around them hold a Runtime, so that a simulator
 * can exchange it for a virtual one.
 */
export interface Runtime {
  /** Milliseconds since boot, fractional, never stepped; goes on while the machine sleeps. */
  bootMs(): number;
  /** Milliseconds since 1970-01-01 UTC; may be wrong and may step. */
  wallMs(): number;
  /** A number in [0, 1). */
  random(): number;
  /** Calls `run` once when `bootMs()` has reached `bootMs`, at the next turn if that is past; disposing cancels it. */
  at(bootMs: number, run: () => void): Disposable;
  /** Names the boot: equal as long as `bootMs` counts from the same origin. */
  readonly bootId: string;
  readonly disk: Disk;
}

/** Small named files that survive a restart. Names are relative, `/`-separated, without `..`. */
export interface Disk {
  /** The file's bytes, which the caller owns, or null if it does not exist. */
  read(name: string): Promise<Uint8Array | null>;
  /** Replaces the file atomically; resolves once the bytes and the directory entry are on the medium. */
  replace(name: string, bytes: Uint8Array): Promise<void>;
  /** Removes the file; does nothing if it does not exist. */
  remove(name: string): Promise<void>;
  /** The names that start with `prefix`, sorted. */
  list(prefix: string): Promise<string[]>;
}
