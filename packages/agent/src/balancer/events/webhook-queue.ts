import type { Runtime } from '@higgins/runtime';
import { reasonOf } from '../checks/reason.js';
import { ATTEMPTS_MAX, EVENTS_WAITING_MAX, RETRY_MS, RETRY_MS_MAX } from './limits.js';
import { type Notification, webhookBody } from './webhook-body.js';

/** What became of the events for one receiver since the start. */
export interface WebhookCounters {
  readonly delivered: number;
  /** Attempts that were repeated later. */
  readonly retried: number;
  /** Events that were given up after all attempts, or that the receiver refused. */
  readonly failed: number;
  /** Events that found the queue full or closed, or were left in it at the end. */
  readonly dropped: number;
}

/** What one receiver's queue needs. */
export interface WebhookQueueOptions {
  readonly runtime: Pick<Runtime, 'bootMs' | 'at' | 'random'>;
  readonly timeoutMs: number;
  /** Sends one request and resolves to the status of its answer. */
  readonly send: (body: Uint8Array, signal: AbortSignal) => Promise<number>;
  /** Hears when deliveries begin to fail, with the reason, and null when they succeed again. */
  readonly failing: (reason: string | null) => void;
}

interface Failure {
  readonly reason: string;
  readonly isFinal: boolean;
}

/** Statuses that ask for patience (RFC 9110, section 15.5.9; RFC 8470; RFC 6585). */
const PATIENCE = new Set([408, 425, 429]);

/** Delivers events to one receiver, one after the other in their order, each until it is taken or given up. */
export class WebhookQueue {
  readonly #options: WebhookQueueOptions;
  readonly #waiting: Notification[] = [];
  readonly #ended = new AbortController();
  #work: Promise<void> | null = null;
  #closing = false;
  #wake: (() => void) | null = null;
  #delivered = 0;
  #retried = 0;
  #failed = 0;
  #dropped = 0;
  /** Events that never arrived since the newest that did. */
  #lost = 0;
  #isFailing = false;

  constructor(options: WebhookQueueOptions) {
    this.#options = options;
  }

  get counters(): WebhookCounters {
    return { delivered: this.#delivered, retried: this.#retried, failed: this.#failed, dropped: this.#dropped };
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Takes an event in; if too many wait, the oldest goes. */
  add(notification: Notification): void {
    if (this.#closing) {
      this.#drop(1);
      return;
    }
    if (this.#waiting.length >= EVENTS_WAITING_MAX) {
      this.#waiting.shift();
      this.#drop(1);
    }
    this.#waiting.push(notification);
    this.#work ??= this.#deliverAll();
  }

  /** Tries once more what waits, for at most so long; resolves when nothing is on its way any more. */
  async close(withinMs: number): Promise<void> {
    this.#closing = true;
    this.#wake?.();
    const { runtime } = this.#options;
    using _ = runtime.at(runtime.bootMs() + withinMs, () => this.#ended.abort(new Error('shut down')));
    await this.#work;
    this.#drop(this.#waiting.length);
    this.#waiting.length = 0;
  }

  async #deliverAll(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      if (await this.#deliver(next)) this.#delivered++;
      else {
        this.#failed++;
        this.#lost++;
      }
    }
    this.#work = null;
  }

  async #deliver(notification: Notification): Promise<boolean> {
    for (let attempt = 1; ; attempt++) {
      const lost = this.#lost;
      const failure = await this.#attempt(webhookBody(notification, lost));
      this.#tell(failure);
      if (failure === null) {
        this.#lost -= lost;
        return true;
      }
      if (failure.isFinal || attempt >= ATTEMPTS_MAX || this.#closing) return false;
      this.#retried++;
      await this.#pause(Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** (attempt - 1)));
    }
  }

  async #attempt(body: Uint8Array): Promise<Failure | null> {
    const { runtime, timeoutMs, send } = this.#options;
    const late = new AbortController();
    const signal = AbortSignal.any([late.signal, this.#ended.signal]);
    const timedOut = () => late.abort(new Error(`no answer within ${timeoutMs} ms`));
    using _ = runtime.at(runtime.bootMs() + timeoutMs, timedOut);
    try {
      const status = await send(body, signal);
      if (status >= 200 && status < 300) return null;
      return { reason: `status ${status}, expected 200-299`, isFinal: status < 500 && !PATIENCE.has(status) };
    } catch (error) {
      return { reason: reasonOf(error), isFinal: false };
    }
  }

  /** Half of the pause at least, so that receivers are spared; the other half random, so that nodes do not come in step. */
  #pause(longestMs: number): Promise<void> {
    const { runtime } = this.#options;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = runtime.at(runtime.bootMs() + longestMs * (0.5 + runtime.random() / 2), resolve);
    this.#wake = resolve;
    return promise.finally(() => {
      this.#wake = null;
      timer[Symbol.dispose]();
    });
  }

  #tell(failure: Failure | null): void {
    if (this.#isFailing === (failure !== null)) return;
    this.#isFailing = failure !== null;
    this.#options.failing(failure?.reason ?? null);
  }

  #drop(events: number): void {
    this.#dropped += events;
    this.#lost += events;
  }
}
