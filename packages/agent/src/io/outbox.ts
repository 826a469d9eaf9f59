import { PublishError } from '@higgins/client';
import type { Runtime } from '@higgins/runtime';
import { reasonOf } from '../reason.js';

/** First pause before a value that could not be published is tried again; doubled each time up to the maximum, with jitter. */
const RETRY_MS = 1_000;
const RETRY_MS_MAX = 30_000;

/** What an outbox works with. */
export interface OutboxOptions<Value> {
  readonly runtime: Pick<Runtime, 'bootMs' | 'at' | 'random'>;
  readonly publish: (key: string, value: Value) => Promise<unknown>;
  /** Hears of every attempt that failed. */
  readonly failed: (key: string, reason: string) => void;
}

interface Line<Value> {
  /** What is to be published next. */
  pending: { readonly value: Value } | null;
  /** Ends the pause before the next attempt. */
  wake: (() => void) | null;
}

/**
 * Publishes the newest value of each key: one is on its way and the newest waits; nobody waits for it. What could not be
 * published (a full disk, another writer) is tried again, since nobody else will; what is wrong in itself is not.
 */
export class Outbox<Value> implements Disposable {
  readonly #options: OutboxOptions<Value>;
  readonly #lines = new Map<string, Line<Value>>();
  #closed = false;

  constructor(options: OutboxOptions<Value>) {
    this.#options = options;
  }

  put(key: string, value: Value): void {
    if (this.#closed) return;
    const known = this.#lines.get(key);
    const line = known ?? { pending: null, wake: null };
    line.pending = { value };
    if (known !== undefined) known.wake?.();
    else {
      this.#lines.set(key, line);
      void this.#work(key, line);
    }
  }

  /** Tries nothing again from now on. */
  [Symbol.dispose](): void {
    this.#closed = true;
    for (const { wake } of this.#lines.values()) wake?.();
  }

  async #work(key: string, line: Line<Value>): Promise<void> {
    const { publish, failed } = this.#options;
    let pauseMs = RETRY_MS;
    while (line.pending !== null && !this.#closed) {
      const { pending } = line;
      line.pending = null;
      try {
        await publish(key, pending.value);
        pauseMs = RETRY_MS;
      } catch (error) {
        failed(key, reasonOf(error));
        if (error instanceof PublishError) continue;
        line.pending ??= pending;
        await this.#pause(line, pauseMs);
        pauseMs = Math.min(2 * pauseMs, RETRY_MS_MAX);
      }
    }
    this.#lines.delete(key);
  }

  /** A newer value ends it: what was wrong may be over. */
  async #pause(line: Line<Value>, pauseMs: number): Promise<void> {
    if (this.#closed) return;
    const { runtime } = this.#options;
    await new Promise<void>((resolve) => {
      const timer = runtime.at(runtime.bootMs() + pauseMs * (0.5 + runtime.random() / 2), resolve);
      line.wake = () => {
        timer[Symbol.dispose]();
        resolve();
      };
    });
    line.wake = null;
  }
}
