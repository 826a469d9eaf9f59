import { type HeapItem, IndexedHeap } from '../indexed-heap.js';
import type { BootClock } from './boot-clock.js';

/** The longest delay that the platform's timers take: 2^31 - 1 ms. */
const DELAY_MS_MAX = 2 ** 31 - 1;
/** How often the uptime is re-read: a sleep is noticed within this time after waking. */
const REFRESH_INTERVAL_MS = 1000;

/** Timers on a BootClock, with one timer of the platform for all of them. */
export class BootTimers implements Disposable {
  readonly #clock: BootClock;
  readonly #keepsProcess: boolean;
  readonly #heap = new IndexedHeap<Timer>((left, right) =>
    left.dueMs === right.dueMs ? left.sequence < right.sequence : left.dueMs < right.dueMs,
  );
  readonly #refresh: NodeJS.Timeout;
  #armed: NodeJS.Timeout | null = null;
  #armedForMs = 0;
  #sequence = 0;
  #disposed = false;

  /** `keepsProcess`: whether a waiting timer keeps the process from ending. */
  constructor(clock: BootClock, keepsProcess: boolean) {
    this.#clock = clock;
    this.#keepsProcess = keepsProcess;
    this.#refresh = setInterval(() => {
      if (clock.refresh() > 0) this.#arm();
    }, REFRESH_INTERVAL_MS);
    this.#refresh.unref();
  }

  at(dueMs: number, run: () => void): Disposable {
    if (Number.isNaN(dueMs)) throw new RangeError('a timer needs a time, got NaN');
    const timer: Timer = { dueMs, run, sequence: this.#sequence, heapIndex: -1 };
    this.#sequence += 1;
    if (!this.#disposed) {
      this.#heap.push(timer);
      if (this.#heap.peek() === timer) this.#arm();
    }
    return {
      [Symbol.dispose]: () => {
        this.#heap.remove(timer);
        if (this.#heap.size === 0) this.#disarm();
      },
    };
  }

  /** Forgets all timers. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#heap.clear();
    this.#disarm();
    clearInterval(this.#refresh);
  }

  #arm(): void {
    const next = this.#heap.peek();
    if (
      next === undefined ||
      (this.#armed !== null && this.#armedForMs === next.dueMs && next.dueMs > this.#clock.nowMs())
    )
      return;
    this.#disarm();
    this.#armedForMs = next.dueMs;
    const delayMs = Math.min(Math.max(Math.ceil(next.dueMs - this.#clock.nowMs()), 0), DELAY_MS_MAX);
    this.#armed = setTimeout(() => this.#fire(), delayMs);
    if (!this.#keepsProcess) this.#armed.unref();
  }

  #disarm(): void {
    if (this.#armed !== null) clearTimeout(this.#armed);
    this.#armed = null;
  }

  /** Runs what was due when it began; a timer that is set meanwhile gets the next turn, even if it is due at once. */
  #fire(): void {
    this.#armed = null;
    const nowMs = this.#clock.nowMs();
    const sequenceEnd = this.#sequence;
    try {
      for (;;) {
        const next = this.#heap.peek();
        if (next === undefined || next.dueMs > nowMs || next.sequence >= sequenceEnd) break;
        this.#heap.pop();
        next.run();
      }
    } finally {
      // Also when one of them threw: the others are not lost.
      this.#arm();
    }
  }
}

interface Timer extends HeapItem {
  readonly dueMs: number;
  readonly sequence: number;
  readonly run: () => void;
}
