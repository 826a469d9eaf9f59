import type { BalancerConfiguration } from '@higgins/balancing';
import type { Runtime } from '@higgins/runtime';
import { reasonOf } from '../../reason.js';
import type { ConfigurationOutcome } from '../core/actions.js';
import type { BalancerCore } from '../core/balancer-core.js';
import { ConfigurationError } from '../core/layout.js';
import { PROGRAM_RETRY_MS, PROGRAM_RETRY_MS_MAX } from '../core/limits.js';
import type { Now } from '../core/now.js';
import type { BalancerHost } from './balancer-node.js';
import type { DesiredSource } from './desired-source.js';

/** What an intake works with. */
export interface ConfigurationIntakeOptions {
  readonly core: BalancerCore;
  readonly source: DesiredSource;
  readonly runtime: Runtime;
  readonly host: Pick<BalancerHost, 'prepare'>;
  /** Has the core's work carried out, after every input. */
  readonly turn: () => void;
}

interface Waiting {
  readonly configuration: BalancerConfiguration;
  readonly answer: (outcome: ConfigurationOutcome) => void;
}

/** The way of configurations to the core: prepared and remembered one after the other, and tried again where that helps. */
export class ConfigurationIntake implements Disposable {
  readonly #options: ConfigurationIntakeOptions;
  readonly #refused: (reason: string) => void;
  readonly #waiting = new Map<number, Waiting>();
  #tickets = 0;
  #asking: Promise<unknown> = Promise.resolve();
  /** What the source told last, and when it is tried again after the kernel refused it. */
  #wanted: BalancerConfiguration | null = null;
  #retry: Disposable | null = null;

  /** `refused` hears of configurations that can't even be prepared. */
  constructor(options: ConfigurationIntakeOptions, refused: (reason: string) => void) {
    this.#options = options;
    this.#refused = refused;
  }

  /**
   * Takes up the configuration of the start, which does not end what a flush began in an earlier life. `underWay`: what the
   * kernel was about to get then, and may have: it is put in force, and only if the kernel refuses it the one before is.
   */
  adopt(last: BalancerConfiguration, underWay: BalancerConfiguration | null): void {
    void this.#adopt(last, underWay);
  }

  /** Puts in force what the source tells, also if the kernel does not take it at first. */
  follow(configuration: BalancerConfiguration): void {
    this.#wanted = configuration;
    this.#retry?.[Symbol.dispose]();
    void this.ask(configuration, true).then((outcome) => this.#insist(configuration, outcome));
  }

  /** Puts a configuration in force. `resume`: whether it ends what a flush began. */
  async ask(configuration: BalancerConfiguration, resume: boolean): Promise<ConfigurationOutcome> {
    return await this.#inTurn(async () => {
      const refusal = await this.#prepare(configuration);
      if (refusal !== null) return refusal;
      await this.#options.source.keep?.(configuration);
      return { asked: this.#request(configuration, resume) };
    });
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

  /** Tries nothing again from now on. */
  [Symbol.dispose](): void {
    this.#wanted = null;
    this.#retry?.[Symbol.dispose]();
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

  /** If the kernel refused a configuration, it is tried again: the source may never say it again. */
  async #insist(configuration: BalancerConfiguration, first: ConfigurationOutcome): Promise<void> {
    let outcome = first;
    for (let pauseMs = PROGRAM_RETRY_MS; !outcome.ok && outcome.transient; pauseMs *= 2) {
      if (this.#wanted !== configuration) return;
      await this.#pause(Math.min(pauseMs, PROGRAM_RETRY_MS_MAX));
      // A flush that came meanwhile is not ended by what was said before it.
      outcome = await this.ask(configuration, false);
    }
  }

  /** Never ends if something newer comes. */
  async #pause(pauseMs: number): Promise<void> {
    const { runtime } = this.#options;
    await new Promise<void>((resolve) => {
      this.#retry = runtime.at(runtime.bootMs() + pauseMs * (0.5 + runtime.random() / 2), resolve);
    });
  }

  /** One request is prepared after the other, in their order; none waits for what becomes of those before. */
  async #inTurn(
    ask: () => Promise<ConfigurationOutcome | { readonly asked: Promise<ConfigurationOutcome> }>,
  ): Promise<ConfigurationOutcome> {
    const asking = this.#asking.then(ask);
    this.#asking = asking.catch(() => undefined);
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
      this.#refused(reason);
      // A kernel that does not take the lists of listeners now may take them later.
      return { ok: false, reason, transient: !(error instanceof ConfigurationError) };
    }
  }

  /** `turns`: whether the core's work is carried out at once. */
  #request(configuration: BalancerConfiguration, resume: boolean, turns = true): Promise<ConfigurationOutcome> {
    const ticket = ++this.#tickets;
    return new Promise((answer) => {
      this.#waiting.set(ticket, { configuration, answer });
      this.#options.core.configure({ configuration, source: this.#options.source.name, ticket, resume }, this.#now());
      if (turns) this.#options.turn();
    });
  }

  #now(): Now {
    const { runtime } = this.#options;
    return { bootMs: runtime.bootMs(), wallMs: runtime.wallMs() };
  }
}
