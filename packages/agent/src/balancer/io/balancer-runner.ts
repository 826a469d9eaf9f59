import type { Runtime } from '@higgins/runtime';
import { withinTime } from '../../io/within-time.js';
import { reasonOf } from '../../reason.js';
import type { BalancerAction, ConfigurationOutcome } from '../core/actions.js';
import type { BalancerCore } from '../core/balancer-core.js';
import type { BalancerTarget, Checker, CheckOrder, CheckResult, Programmed, Resolver } from '../core/contract.js';
import type { Now } from '../core/now.js';
import type { Program } from '../core/programmer.js';
import type { SavedState } from '../core/saved-state.js';
import { PROGRAM_MS_MAX } from './limits.js';

type Action<Kind extends BalancerAction['kind']> = Extract<BalancerAction, { kind: Kind }>;

/** Whom the runner tells; none of these may wait for anything, but for `persist`. */
export interface RunnerSinks {
  event(event: Action<'event'>['event']): void;
  configured(ticket: number, outcome: ConfigurationOutcome): void;
  publish(publication: Omit<Action<'publish'>, 'kind'>): void;
  persist(state: SavedState): Promise<void>;
  /** The core has heard what became of a `persist`. */
  persisted(worked: boolean): void;
  /** The kernel has a program; `delayMs` from the decision until it was in force. */
  programmed(program: Program, result: Programmed, delayMs: number): void;
  programFailed(program: Program, reason: string): void;
  /** What the kernel has, or what was found in it, may have changed. */
  kernelChanged(): void;
  /** Everything was removed from the kernel, or, with a reason, was not. */
  flushed(reason: string | null): void;
  checked(order: CheckOrder, result: CheckResult): void;
  /** Something of little weight went wrong: it is logged, and tried again by itself. */
  failed(what: string, error: unknown): void;
}

export interface BalancerRunnerOptions {
  readonly core: BalancerCore;
  readonly target: BalancerTarget;
  readonly checker: Checker;
  readonly resolver: Resolver;
  readonly runtime: Runtime;
  readonly sinks: RunnerSinks;
}

/**
 * Carries out what the core decides. Programs, cuts, checks and resolutions run beside each other; each answer goes back
 * to the core at once, so that none waits for another.
 */
export class BalancerRunner implements AsyncDisposable {
  readonly #options: BalancerRunnerOptions;
  readonly #stopping = new AbortController();
  readonly #working = new Set<Promise<void>>();
  #timer: Disposable | null = null;
  #turning = false;
  #again = false;

  constructor(options: BalancerRunnerOptions) {
    this.#options = options;
  }

  now(): Now {
    const { runtime } = this.#options;
    return { bootMs: runtime.bootMs(), wallMs: runtime.wallMs() };
  }

  /** Call after every input to the core: does what there is to do, and sets the timer for what comes by time. */
  turn(): void {
    this.#again = true;
    if (this.#turning || this.#stopping.signal.aborted) return;
    this.#turning = true;
    try {
      while (this.#again) {
        this.#again = false;
        this.#work();
      }
    } finally {
      this.#turning = false;
    }
    this.#arm();
  }

  /** Stops after the transaction that is under way, and saves the state; the kernel keeps what is in force. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    this.#stopping.abort();
    this.#timer?.[Symbol.dispose]();
    await Promise.all(this.#working);
    const { core, sinks } = this.#options;
    if (core.state !== null) await this.#attempt('writing state', sinks.persist(core.saved(this.now())));
  }

  #work(): void {
    const { core } = this.#options;
    core.tick(this.now());
    for (let action = core.next(this.now()); action !== null; action = core.next(this.now())) this.#carryOut(action);
  }

  #carryOut(action: BalancerAction): void {
    const { sinks } = this.#options;
    switch (action.kind) {
      case 'event':
        sinks.event(action.event);
        break;
      case 'configured':
        sinks.configured(action.ticket, action.outcome);
        break;
      case 'publish':
        sinks.publish(action);
        break;
      default:
        this.#begin(this.#run(action));
    }
  }

  #begin(work: Promise<void>): void {
    const tracked = work.finally(() => {
      this.#working.delete(tracked);
      this.turn();
    });
    this.#working.add(tracked);
  }

  /** Never rejects: what goes wrong is an answer like any other. */
  async #run(action: Exclude<BalancerAction, { kind: 'event' | 'configured' | 'publish' }>): Promise<void> {
    switch (action.kind) {
      case 'program':
        return await this.#program(action.program);
      case 'verify':
        return await this.#verify();
      case 'count':
        return await this.#count();
      case 'flush':
        return await this.#flush();
      case 'cut':
        return await this.#cut(action);
      case 'sample':
        return await this.#sample(action);
      case 'check':
        return await this.#check(action);
      case 'resolve':
        return await this.#resolve(action);
      case 'persist':
        return await this.#persist(action.state);
    }
  }

  async #program(program: Program): Promise<void> {
    const { core, target, sinks, runtime } = this.#options;
    try {
      // A transaction that has begun is not given up at a stop: the kernel has all of it or nothing either way.
      const result = await withinTime(runtime, PROGRAM_MS_MAX, (signal) => target.apply(program.desired, signal));
      sinks.programmed(program, result, Math.max(0, result.appliedBootMs - program.decidedBootMs));
      core.programmed(this.now());
    } catch (error) {
      const reason = reasonOf(error);
      sinks.programFailed(program, reason);
      core.programFailed(reason, this.now());
    }
    sinks.kernelChanged();
  }

  async #verify(): Promise<void> {
    const { core, sinks, target } = this.#options;
    const findings = await this.#attempt('verification', target.verify());
    core.verified(findings, this.now());
    sinks.kernelChanged();
  }

  async #count(): Promise<void> {
    const counters = await this.#attempt('counters', this.#options.target.counters());
    this.#options.core.counted(counters, this.now());
  }

  async #flush(): Promise<void> {
    const { core, target, sinks } = this.#options;
    const reason = await target.flush().then(() => null, reasonOf);
    core.flushed(reason, this.now());
    sinks.flushed(reason);
    sinks.kernelChanged();
  }

  async #cut({ cut: { service, member } }: Action<'cut'>): Promise<void> {
    const flows = await this.#attempt('cutting flows', this.#options.target.cut(service, member));
    this.#options.core.cutDone(flows, this.now());
  }

  async #sample({ sample: { service, member } }: Action<'sample'>): Promise<void> {
    const connections = await this.#attempt('counting flows', this.#options.target.connections(service, member));
    this.#options.core.sampled(connections, this.now());
  }

  async #check({ key, order }: Action<'check'>): Promise<void> {
    const { core, checker, sinks } = this.#options;
    const result = await checker.run(order, this.#stopping.signal).catch((error: unknown) => {
      return { ok: false, latencyMs: 0, reason: reasonOf(error), inconclusive: true } as const;
    });
    if (this.#stopping.signal.aborted) return;
    sinks.checked(order, result);
    core.checked(key, result, this.now());
  }

  async #resolve({ key, order }: Action<'resolve'>): Promise<void> {
    const { core, resolver } = this.#options;
    try {
      core.resolved(key, await resolver.resolve(order, this.#stopping.signal), this.now());
    } catch (error) {
      if (!this.#stopping.signal.aborted) core.resolutionFailed(key, reasonOf(error), this.now());
    }
  }

  async #persist(state: SavedState): Promise<void> {
    const { core, sinks } = this.#options;
    const saved = await this.#attempt(
      'writing state',
      sinks.persist(state).then(() => true),
    );
    core.persisted(saved === true, this.now());
    sinks.persisted(saved === true);
  }

  async #attempt<Result>(what: string, work: Promise<Result>): Promise<Result | null> {
    try {
      return await work;
    } catch (error) {
      this.#options.sinks.failed(what, error);
      return null;
    }
  }

  #arm(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
    if (this.#stopping.signal.aborted) return;
    const nextBootMs = this.#options.core.nextBootMs();
    if (nextBootMs !== null) this.#timer = this.#options.runtime.at(nextBootMs, () => this.turn());
  }
}
