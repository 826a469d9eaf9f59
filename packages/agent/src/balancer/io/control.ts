import type { BalancerConfiguration } from '@higgins/balancing';
import type { Runtime } from '@higgins/runtime';
import { reasonOf } from '../../reason.js';
import type { ConfigurationOutcome } from '../core/actions.js';
import type { BalancerCore } from '../core/balancer-core.js';
import { diffOf } from '../core/diff.js';
import { shortened } from '../core/event-queue.js';
import type { MemberName } from '../core/events.js';
import { explainFlow } from '../core/explain.js';
import { ConfigurationError } from '../core/layout.js';
import { PROGRAM_RETRY_MS, PROGRAM_RETRY_MS_MAX } from '../core/limits.js';
import type { Now } from '../core/now.js';
import { reportOf } from '../core/report.js';
import {
  type BalancerControl,
  type BalancerDiff,
  type BalancerStatus,
  ControlError,
  type DrainOptions,
  type EventNotice,
  type FlowExplanation,
  type FlowQuestion,
  type MemberSelector,
  type ReloadResult,
} from '../core/status.js';
import type { BalancerHost } from './balancer-node.js';
import type { DesiredObserver, DesiredSource } from './desired-source.js';
import type { EventHub } from './event-hub.js';

/** What a control works with. */
export interface LocalControlOptions {
  readonly core: BalancerCore;
  readonly source: DesiredSource;
  readonly hub: EventHub;
  readonly node: string;
  readonly runtime: Runtime;
  readonly host: Pick<BalancerHost, 'prepare' | 'warnings' | 'conntrack' | 'readFile'>;
  /** Has the core's work carried out, after every input. */
  readonly turn: () => void;
}

interface Waiting {
  readonly configuration: BalancerConfiguration;
  readonly answer: (outcome: ConfigurationOutcome) => void;
}

/** The operator's side of a balancer in this process, and the link between the source of its configuration and its core. */
export class LocalControl implements BalancerControl, Disposable {
  readonly #options: LocalControlOptions;
  readonly #startedWallMs: number;
  readonly #waiting = new Map<number, Waiting>();
  readonly #flushes: ((reason: string | null) => void)[] = [];
  readonly #unsaved: { readonly change: number; readonly answer: (worked: boolean) => void }[] = [];
  #tickets = 0;
  #asking: Promise<unknown> = Promise.resolve();
  /** What the source told last, and when it is tried again after the kernel refused it. */
  #wanted: BalancerConfiguration | null = null;
  #retry: Disposable | null = null;
  #stale: { readonly reason: string; readonly sinceWallMs: number } | null = null;

  constructor(options: LocalControlOptions) {
    this.#options = options;
    this.#startedWallMs = Math.round(options.runtime.wallMs());
  }

  /** Takes what the source tells. */
  get observer(): DesiredObserver {
    return {
      changed: (configuration) => void this.#follow(configuration),
      refused: (reason) =>
        this.#note({ kind: 'configuration-refused', source: this.#source, reason: shortened(reason) }),
      stale: (reason) => this.#staleness(reason),
    };
  }

  /** Tries nothing again from now on. */
  [Symbol.dispose](): void {
    this.#wanted = null;
    this.#retry?.[Symbol.dispose]();
  }

  /**
   * Takes up the configuration of the start, which does not end what a flush began in an earlier life. `underWay`: what the
   * kernel was about to get then, and may have: it is put in force, and only if the kernel refuses it the one before is.
   */
  adopt(last: BalancerConfiguration, underWay: BalancerConfiguration | null): void {
    void this.#adopt(last, underWay);
  }

  /** What became of a configuration; it is given back if it is in force. */
  configured(ticket: number, outcome: ConfigurationOutcome): BalancerConfiguration | null {
    const waiting = this.#waiting.get(ticket);
    this.#waiting.delete(ticket);
    if (waiting === undefined) return null;
    waiting.answer(outcome);
    if (!outcome.ok) return null;
    this.#options.source.applied(waiting.configuration);
    return waiting.configuration;
  }

  /** What became of a flush. */
  flushed(reason: string | null): void {
    for (const answer of this.#flushes.splice(0)) answer(reason);
  }

  /** What became of a write of the state. */
  persisted(worked: boolean): void {
    const { savedChanges } = this.#options.core;
    for (const waiting of this.#unsaved.splice(0)) {
      if (worked && waiting.change > savedChanges) this.#unsaved.push(waiting);
      else waiting.answer(worked);
    }
  }

  /** Why the balancer does not do its work yet, or null if it does. */
  notReady(): string | null {
    const { kernel, state } = this.#options.core;
    if (state === null) return 'there is no configuration yet';
    return kernel.isInForce || kernel.isFlushed ? null : 'the kernel does not have the configuration yet';
  }

  /** The status as of now. */
  read(): BalancerStatus {
    const { core, node, host } = this.#options;
    const now = this.#now();
    const { configuration, ...report } = reportOf(core, now);
    return {
      ...{ node, nowWallMs: Math.round(now.wallMs), startedWallMs: this.#startedWallMs },
      configuration: { ...configuration, source: this.#source, stale: this.#stale },
      ...report,
      conntrack: host.conntrack(),
      warnings: host.warnings(),
    };
  }

  async status(): Promise<BalancerStatus> {
    return this.read();
  }

  async explain(flow: FlowQuestion): Promise<FlowExplanation> {
    return explainFlow(this.#options.core.state, flow, this.#now());
  }

  async diff(): Promise<BalancerDiff> {
    return this.#diff(await this.#refusable(() => this.#options.source.reread()));
  }

  async diffFile(path: string): Promise<BalancerDiff> {
    return this.#diff(await this.#refusable(async () => this.#options.host.readFile(path)));
  }

  async drain(selector: MemberSelector, options: DrainOptions = {}): Promise<readonly MemberName[]> {
    const named = this.#options.core.administration.drain(selector, options, this.#now());
    await this.#save();
    return named;
  }

  async undrain(selector: MemberSelector): Promise<readonly MemberName[]> {
    const named = this.#options.core.administration.undrain(selector, this.#now());
    await this.#save();
    return named;
  }

  async flush(): Promise<void> {
    const reason = await new Promise<string | null>((answer) => {
      this.#flushes.push(answer);
      this.#options.core.flush();
      this.#options.turn();
    });
    if (reason !== null) throw new ControlError('failed', `the kernel is not empty: ${reason}`);
    await this.#save();
  }

  async reload(): Promise<ReloadResult> {
    const configuration = await this.#refusable(
      () => this.#options.source.reread(),
      (reason) => this.observer.refused(reason),
    );
    const outcome = await this.#configure(configuration, true);
    if (!outcome.ok) throw new ControlError('refused', outcome.reason);
    await this.#save();
    return { revision: outcome.revision, changed: outcome.changed };
  }

  events(signal: AbortSignal): AsyncIterable<EventNotice> {
    return this.#options.hub.read(signal);
  }

  get #source(): string {
    return this.#options.source.name;
  }

  #now(): Now {
    const { runtime } = this.#options;
    return { bootMs: runtime.bootMs(), wallMs: runtime.wallMs() };
  }

  /** Resolves when an order is on disk: what was answered outlives the process. */
  async #save(): Promise<void> {
    const { core, turn } = this.#options;
    const worked = await new Promise<boolean>((answer) => {
      this.#unsaved.push({ change: core.save(), answer });
      turn();
    });
    if (!worked) throw new ControlError('failed', 'it is done, but not on disk: a restart would forget it');
  }

  async #adopt(last: BalancerConfiguration, underWay: BalancerConfiguration | null): Promise<void> {
    const wanted = underWay ?? last;
    this.#wanted = wanted;
    const outcome = await this.#inTurn(async () => {
      const canGoBack = underWay !== null && (await this.#prepare(last)) === null;
      const refusal = await this.#prepare(wanted);
      if (canGoBack) void this.#request(last, false, refusal !== null);
      // The kernel is told of the newer one alone: the one before is there to go back to.
      if (canGoBack && refusal === null) this.#options.core.tick(this.#now());
      return refusal ?? { asked: this.#request(wanted, false) };
    });
    await this.#insist(wanted, outcome);
  }

  /** Puts in force what the source tells. */
  async #follow(configuration: BalancerConfiguration): Promise<void> {
    this.#wanted = configuration;
    this.#retry?.[Symbol.dispose]();
    await this.#insist(configuration, await this.#configure(configuration, true));
  }

  /** If the kernel refused a configuration, it is tried again: the source may never say it again. */
  async #insist(configuration: BalancerConfiguration, first: ConfigurationOutcome): Promise<void> {
    let outcome = first;
    for (let pauseMs = PROGRAM_RETRY_MS; !outcome.ok && outcome.transient; pauseMs *= 2) {
      if (this.#wanted !== configuration) return;
      await this.#pause(Math.min(pauseMs, PROGRAM_RETRY_MS_MAX));
      // A flush that came meanwhile is not ended by what was said before it.
      outcome = await this.#configure(configuration, false);
    }
  }

  /** Never ends if something newer comes. */
  async #pause(pauseMs: number): Promise<void> {
    const { runtime } = this.#options;
    await new Promise<void>((resolve) => {
      this.#retry = runtime.at(runtime.bootMs() + pauseMs * (0.5 + runtime.random() / 2), resolve);
    });
  }

  #note(occurrence: Parameters<BalancerCore['note']>[0]): void {
    this.#options.core.note(occurrence, this.#now());
    this.#options.turn();
  }

  async #configure(configuration: BalancerConfiguration, resume: boolean): Promise<ConfigurationOutcome> {
    return await this.#inTurn(async () => {
      const refusal = await this.#prepare(configuration);
      if (refusal !== null) return refusal;
      await this.#options.source.keep?.(configuration);
      return { asked: this.#request(configuration, resume) };
    });
  }

  /** One request is prepared after the other, in their order; none waits for what becomes of those before. */
  async #inTurn(
    ask: () => Promise<ConfigurationOutcome | { readonly asked: Promise<ConfigurationOutcome> }>,
  ): Promise<ConfigurationOutcome> {
    const asking = this.#asking.then(ask);
    this.#asking = asking;
    const result = await asking;
    return 'asked' in result ? await result.asked : result;
  }

  /** Null if all is there that the configuration needs. */
  async #prepare(configuration: BalancerConfiguration): Promise<(ConfigurationOutcome & { ok: false }) | null> {
    try {
      await this.#options.host.prepare(configuration);
      return null;
    } catch (error) {
      const reason = reasonOf(error);
      this.observer.refused(reason);
      // A kernel that does not take the lists of listeners now may take them later.
      return { ok: false, reason, transient: !(error instanceof ConfigurationError) };
    }
  }

  /** `turns`: whether the core's work is carried out at once. */
  #request(configuration: BalancerConfiguration, resume: boolean, turns = true): Promise<ConfigurationOutcome> {
    const ticket = ++this.#tickets;
    return new Promise((answer) => {
      this.#waiting.set(ticket, { configuration, answer });
      this.#options.core.configure({ configuration, source: this.#source, ticket, resume }, this.#now());
      if (turns) this.#options.turn();
    });
  }

  #staleness(reason: string | null): void {
    const nowWallMs = Math.round(this.#options.runtime.wallMs());
    if (reason === null) {
      if (this.#stale === null) return;
      this.#stale = null;
      this.#note({ kind: 'configuration-fresh', source: this.#source });
    } else if (this.#stale === null) {
      this.#stale = { reason, sinceWallMs: nowWallMs };
      const heardWallMs = this.#options.source.heardWallMs ?? nowWallMs;
      const ageMs = Math.max(0, nowWallMs - heardWallMs);
      this.#note({ kind: 'configuration-stale', source: this.#source, reason: shortened(reason), ageMs });
    }
  }

  #diff(configuration: BalancerConfiguration): BalancerDiff {
    const { core } = this.#options;
    try {
      return diffOf(core.state, core.configurations.preview(configuration, core.loads, this.#now()));
    } catch (error) {
      throw new ControlError('refused', reasonOf(error), { cause: error });
    }
  }

  async #refusable<Result>(run: () => Promise<Result>, refused?: (reason: string) => void): Promise<Result> {
    try {
      return await run();
    } catch (error) {
      refused?.(reasonOf(error));
      throw new ControlError('refused', reasonOf(error), { cause: error });
    }
  }
}
