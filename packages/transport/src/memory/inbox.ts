import type { VirtualEvent, VirtualRuntime } from '@higgins/runtime';
import type { HostReading } from './host-reading.js';

/** What has arrived at one end of a connection and its owner has not been told, in order. */
export class Inbox {
  readonly #runtime: VirtualRuntime;
  readonly #reading: HostReading;
  readonly #emptied: () => void;
  #watch: Disposable | null = null;
  #waiting: Arrival[] = [];
  #opened = false;
  #event: VirtualEvent | null = null;

  /** `emptied`: everything that waited has been told. */
  constructor(runtime: VirtualRuntime, reading: HostReading, emptied: () => void) {
    this.#runtime = runtime;
    this.#reading = reading;
    this.#emptied = emptied;
  }

  /** Whether what arrives now is told at once. */
  get flowing(): boolean {
    return this.#opened && this.#waiting.length === 0 && this.#reading.bytesPerSecond === Number.POSITIVE_INFINITY;
  }

  /** Whether there is an owner that is told. */
  get opened(): boolean {
    return this.#opened;
  }

  /** There is an owner now: what waits is told in a step of its own. */
  open(): void {
    if (this.#opened) return;
    if (this.#waiting.length === 0) this.#opened = true;
    else
      this.#at(0, () => {
        this.#opened = true;
        this.#read();
      });
  }

  /** Calls `run` now, or when its turn comes. `bytes`: what reading it is worth. */
  accept(bytes: number, run: () => void): void {
    if (this.flowing) {
      run();
      return;
    }
    this.#waiting.push({ bytes, run });
    this.#arm();
  }

  /** Forgets what waits. */
  clear(): void {
    this.#waiting = [];
    this.#unwatch();
  }

  #arm(): void {
    const next = this.#waiting[0];
    if (!this.#opened || next === undefined) return;
    this.#watch ??= this.#reading.onChange(() => this.#rearm());
    const { bytesPerSecond } = this.#reading;
    if (this.#event !== null || bytesPerSecond === 0) return;
    this.#at((next.bytes / bytesPerSecond) * 1000, () => this.#read());
  }

  #rearm(): void {
    this.#event?.[Symbol.dispose]();
    this.#event = null;
    this.#arm();
  }

  #read(): void {
    if (this.#reading.bytesPerSecond !== Number.POSITIVE_INFINITY) {
      if (this.#reading.bytesPerSecond > 0) this.#waiting.shift()?.run();
      this.#arm();
      return;
    }
    const arrivals = this.#waiting;
    this.#waiting = [];
    this.#unwatch();
    for (const { run } of arrivals) run();
    this.#emptied();
  }

  #unwatch(): void {
    this.#watch?.[Symbol.dispose]();
    this.#watch = null;
  }

  #at(delayMs: number, run: () => void): void {
    const { world } = this.#runtime;
    const event = world.schedule(world.nowMs + delayMs, () => {
      if (this.#event === event) this.#event = null;
      this.#runtime.deliver(run);
    });
    this.#event = event;
  }
}

interface Arrival {
  readonly bytes: number;
  readonly run: () => void;
}
