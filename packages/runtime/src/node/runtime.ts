import type { Disk, Runtime } from '../runtime.js';
import { BootClock, readBootId } from './boot-clock.js';
import { NodeDisk } from './disk.js';
import { BootTimers } from './timers.js';

export interface NodeRuntimeOptions {
  /** Where `disk` keeps its files; made when it is first written to. */
  readonly directory: string;
  /** Whether a waiting timer keeps the process from ending; default true. */
  readonly timersKeepProcess?: boolean;
}

/** The real machine: its clocks, timers, randomness and a directory. Disposing it cancels all timers. */
export class NodeRuntime implements Runtime, Disposable {
  readonly bootId = readBootId();
  readonly disk: Disk;
  readonly #clock = new BootClock();
  readonly #timers: BootTimers;

  constructor(options: NodeRuntimeOptions) {
    this.disk = new NodeDisk(options.directory);
    this.#timers = new BootTimers(this.#clock, options.timersKeepProcess ?? true);
  }

  bootMs(): number {
    return this.#clock.nowMs();
  }

  wallMs(): number {
    return Date.now();
  }

  random(): number {
    return Math.random();
  }

  at(bootMs: number, run: () => void): Disposable {
    return this.#timers.at(bootMs, run);
  }

  [Symbol.dispose](): void {
    this.#timers[Symbol.dispose]();
  }
}
