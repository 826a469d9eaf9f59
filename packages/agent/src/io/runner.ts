import type { Runtime } from '@higgins/runtime';
import type { Applied } from '@higgins/signals';
import type { AgentCore, Now } from '../core/agent-core.js';
import type { ListValue } from '../core/list.js';
import type { ListOutcome, ListTarget } from '../core/list-target.js';
import { ENFORCE_MS_MAX, VERIFY_INTERVAL_MS } from '../limits.js';
import { withinTime } from './within-time.js';

/** What the runner tells: for logs and metrics. */
export interface RunnerEvents {
  enforced(id: string, value: ListValue, outcome: ListOutcome, enforceMs: number): void;
  failed(id: string, value: ListValue, error: Error): void;
  /** Somebody else had changed the structure; it is as it should be again. */
  structureRepaired(): void;
  /** The verification itself failed. */
  verificationFailed(error: Error): void;
}

/** Drives the core: carries out its actions one after the other, fires its timers, verifies the target. */
export class Runner implements AsyncDisposable {
  readonly #core: AgentCore;
  readonly #target: ListTarget;
  readonly #runtime: Runtime;
  readonly #events: RunnerEvents;
  readonly #acknowledge: (track: string, applied: Applied) => void;
  readonly #stopping = new AbortController();
  #timer: Disposable | null = null;
  #verifyTimer: Disposable | null = null;
  #verificationDue = true;
  #working: Promise<void> = Promise.resolve();
  #idle = true;

  constructor(options: {
    core: AgentCore;
    target: ListTarget;
    runtime: Runtime;
    events: RunnerEvents;
    acknowledge: (track: string, applied: Applied) => void;
  }) {
    this.#core = options.core;
    this.#target = options.target;
    this.#runtime = options.runtime;
    this.#events = options.events;
    this.#acknowledge = options.acknowledge;
  }

  /** Begins the periodic verification. */
  start(): void {
    this.#scheduleVerification();
    this.turn();
  }

  now(): Now {
    return { bootMs: this.#runtime.bootMs(), wallMs: this.#runtime.wallMs(), random: this.#runtime.random() };
  }

  /** Call after every change of the core: does what there is to do, and sets the timer for what comes by time. */
  turn(): void {
    if (this.#stopping.signal.aborted) return;
    if (this.#idle) {
      this.#idle = false;
      this.#working = this.#work();
    }
    this.#arm();
  }

  /** Stops after the transaction under way; the kernel keeps what is in force. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    this.#timer?.[Symbol.dispose]();
    this.#verifyTimer?.[Symbol.dispose]();
    await this.#working;
  }

  async #work(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#core.tick(this.now());
      const action = this.#core.next();
      if (action?.kind === 'acknowledge') this.#acknowledge(action.track, action.applied);
      else if (action?.kind === 'enforce') await this.#enforce(action.id, action.value);
      else if (this.#verificationDue) await this.#verify();
      else break;
    }
    // In the same turn as the decision to end: a change that comes later begins anew.
    this.#idle = true;
    this.#arm();
  }

  async #enforce(id: string, value: ListValue): Promise<void> {
    const startedBootMs = this.#runtime.bootMs();
    const enforce = (signal: AbortSignal) => this.#target.enforce(id, value, signal);
    try {
      const outcome = await withinTime(this.#runtime, ENFORCE_MS_MAX, enforce, this.#stopping.signal);
      const sinceMs = outcome.appliedBootMs === null ? 0 : this.#runtime.bootMs() - outcome.appliedBootMs;
      this.#events.enforced(id, value, outcome, this.#runtime.bootMs() - startedBootMs - sinceMs);
      this.#core.applied(id, value, Math.floor(this.#runtime.wallMs() - sinceMs));
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      const reason = error instanceof Error ? error : new Error(String(error));
      this.#events.failed(id, value, reason);
      this.#core.failed(id, value, reason.message, this.now());
    }
  }

  async #verify(): Promise<void> {
    this.#verificationDue = false;
    try {
      if (!(await this.#target.changedByOthers())) return;
      if (await this.#target.repair()) this.#events.structureRepaired();
      await this.#target.beginVerification();
      this.#core.verifyAll();
    } catch (error) {
      this.#events.verificationFailed(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #scheduleVerification(): void {
    this.#verifyTimer = this.#runtime.at(this.#runtime.bootMs() + VERIFY_INTERVAL_MS, () => {
      this.#verificationDue = true;
      this.#scheduleVerification();
      this.turn();
    });
  }

  #arm(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
    // While it works, nothing can be done about what comes due: it looks at the time again when it has finished.
    if (this.#stopping.signal.aborted || !this.#idle) return;
    const nextBootMs = this.#core.nextBootMs();
    if (nextBootMs === null) return;
    this.#timer = this.#runtime.at(nextBootMs, () => this.turn());
  }
}
