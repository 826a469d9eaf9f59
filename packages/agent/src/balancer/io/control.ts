import type { BalancerConfiguration } from '@higgins/balancing';
import type { Runtime } from '@higgins/runtime';
import { reasonOf } from '../../reason.js';
import type { BalancerCore } from '../core/balancer-core.js';
import { diffOf } from '../core/diff.js';
import { shortened } from '../core/event-queue.js';
import type { MemberName } from '../core/events.js';
import { explainFlow } from '../core/explain.js';
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
import { ConfigurationIntake } from './configuration-intake.js';
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

/** The operator's side of a balancer in this process, and what the source of its configuration tells. */
export class LocalControl implements BalancerControl {
  /** Where configurations go, whoever has them. */
  readonly intake: ConfigurationIntake;
  readonly #options: LocalControlOptions;
  readonly #startedWallMs: number;
  readonly #flushes: ((reason: string | null) => void)[] = [];
  readonly #unsaved: { readonly change: number; readonly answer: (worked: boolean) => void }[] = [];
  #stale: { readonly reason: string; readonly sinceWallMs: number } | null = null;

  constructor(options: LocalControlOptions) {
    this.#options = options;
    this.intake = new ConfigurationIntake(options, (reason) => this.observer.refused(reason));
    this.#startedWallMs = Math.round(options.runtime.wallMs());
  }

  /** Takes what the source tells. */
  get observer(): DesiredObserver {
    return {
      changed: (configuration) => this.intake.follow(configuration),
      refused: (reason) =>
        this.#note({ kind: 'configuration-refused', source: this.#source, reason: shortened(reason) }),
      stale: (reason) => this.#staleness(reason),
    };
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
    const outcome = await this.intake.ask(configuration, true);
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

  #note(occurrence: Parameters<BalancerCore['note']>[0]): void {
    this.#options.core.note(occurrence, this.#now());
    this.#options.turn();
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
