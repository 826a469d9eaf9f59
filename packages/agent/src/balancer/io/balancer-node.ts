import type { BalancerConfiguration } from '@higgins/balancing';
import type { Runtime } from '@higgins/runtime';
import type { Log } from '../../log.js';
import { reasonOf } from '../../reason.js';
import { BalancerCore } from '../core/balancer-core.js';
import type { BalancerTarget, Checker, CheckResult, Programmed, Resolver } from '../core/contract.js';
import type { BalancerOccurrence } from '../core/events.js';
import type { Now } from '../core/now.js';
import { rebased } from '../core/saved-state.js';
import { BalancerRunner, type RunnerSinks } from './balancer-runner.js';
import type { BusLink, BusObserver } from './bus-link.js';
import type { ConntrackUsage } from './conntrack-usage.js';
import { LocalControl } from './control.js';
import type { DesiredSource } from './desired-source.js';
import { EventHub } from './event-hub.js';
import { readState, writeState } from './state-file.js';

/** What the host of a balancer adds to it, and hears of it. None of these is called before `start`. */
export interface BalancerHost {
  /** Brings about what a configuration needs beside the core; rejects if it can't be had, and nothing has changed then. */
  prepare(configuration: BalancerConfiguration): Promise<void>;
  /** A configuration was put in force, or was not. */
  settled(): void;
  /** What the kernel has, or what was found in it, may have changed. */
  kernelChanged(): void;
  /** What the operator should know of the node. */
  warnings(): readonly string[];
  /** Null where it is not known. */
  conntrack(): ConntrackUsage | null;
  /** Reads a configuration to compare with. @throws Error naming what is wrong with it. */
  readFile(path: string): BalancerConfiguration;
  /** The kernel has a newer state; `delayMs` from the decision until it was in force. */
  programmed(result: Programmed, delayMs: number): void;
  programFailed(): void;
  checked(result: CheckResult): void;
}

/** What a balancer works with. */
export interface BalancerNodeOptions {
  /** Names the node on the bus and in events. */
  readonly node: string;
  /** Names of the nodes of the PoP, with which limits are shared; default: the node is alone. */
  readonly nodes?: readonly string[];
  readonly runtime: Runtime;
  readonly log: Log;
  /** Where the desired state comes from; disposed by whoever made it, as is the link to the bus. */
  readonly source: DesiredSource;
  /** Null: nothing is published. */
  readonly bus: BusLink | null;
  readonly target: BalancerTarget;
  readonly checker: Checker;
  /** Finds out whether members are set up for direct server return; null or absent: nobody does, and all count as such. */
  readonly directChecker?: Checker | null;
  readonly resolver: Resolver;
  /** What is absent is not there. */
  readonly host?: Partial<BalancerHost>;
}

/**
 * The part of a balancer that knows nothing of its host: the core with its shell, from the desired state on disk and on
 * the bus to the kernel. Clocks, network and kernel come from outside.
 */
export class BalancerNode implements AsyncDisposable {
  readonly core: BalancerCore;
  readonly control: LocalControl;
  readonly hub: EventHub;
  readonly #options: BalancerNodeOptions;
  readonly #host: BalancerHost;
  readonly #desired: BalancerConfiguration | null;
  readonly #runner: BalancerRunner;

  private constructor(options: BalancerNodeOptions, core: BalancerCore, desired: BalancerConfiguration | null) {
    const { log, source, node, runtime, target, resolver } = options;
    const checker = checkerOf(options);
    const host = { ...BARE_HOST, ...options.host };
    this.#options = options;
    this.#host = host;
    this.#desired = desired;
    this.core = core;
    this.hub = new EventHub(log);
    this.control = new LocalControl({
      ...{ core, source, hub: this.hub, node, runtime, host },
      turn: () => this.#runner.turn(),
    });
    this.#runner = new BalancerRunner({ core, target, checker, resolver, runtime, sinks: this.#sinks() });
  }

  /** Reads what an earlier life left on disk; nothing happens yet. @throws Error if the desired state can't be used. */
  static async open(options: BalancerNodeOptions): Promise<BalancerNode> {
    const { runtime, log, source, node, nodes = [], directChecker = null } = options;
    const now = () => ({ bootMs: runtime.bootMs(), wallMs: runtime.wallMs() });
    const saved = await readState(runtime.disk, (reason) => log.warn({ reason }, 'saved state is not used'));
    const core = new BalancerCore({
      random: () => runtime.random(),
      bootId: runtime.bootId,
      saved: saved && rebased(saved, runtime.bootId, now()),
      now: now(),
      looks: directChecker !== null,
      pop: { node, nodes },
    });
    return new BalancerNode(options, core, await source.open());
  }

  /** Goes on from what is in the kernel and on disk, and follows the desired state from now on. */
  start(): void {
    const { source, bus } = this.#options;
    bus?.start(this.#busObserver());
    // What is known from before comes first: what the source tells from now on is newer.
    if (this.#desired !== null) this.control.intake.adopt(this.#desired, source.underWay ?? null);
    source.start(this.control.observer);
  }

  now(): Now {
    return this.#runner.now();
  }

  /** Tells of something that the host noticed. */
  note(occurrence: BalancerOccurrence): void {
    this.core.note(occurrence, this.now());
    this.#runner.turn();
  }

  /** Stops after the transaction that is under way, and saves the state; the kernel keeps what is in force. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.control.intake[Symbol.dispose]();
    await this.#runner[Symbol.asyncDispose]();
  }

  #busObserver(): BusObserver {
    return {
      connected: (connected) => {
        this.core.busChanged(connected, this.now());
        this.#runner.turn();
      },
      heard: (loadBalancer, node, live) => {
        this.core.nodeHeard(loadBalancer, node, live, this.now());
        this.#runner.turn();
      },
    };
  }

  #sinks(): RunnerSinks {
    const { hub, control } = this;
    const { bus, log, runtime } = this.#options;
    const host = this.#host;
    return {
      event: (event) => hub.tell(event),
      configured(ticket, outcome) {
        const configuration = control.intake.configured(ticket, outcome);
        if (configuration !== null) bus?.follow(configuration);
        host.settled();
      },
      flushed: (reason) => control.flushed(reason),
      publish: (publication) => bus?.publish(publication),
      persist: (state) => writeState(runtime.disk, state),
      persisted: (worked) => control.persisted(worked),
      kernelChanged: () => host.kernelChanged(),
      programmed(program, result, delayMs) {
        host.programmed(result, delayMs);
        if (result.transactions === 0) return;
        log.debug({ generation: program.number, ...result, delayMs }, 'the kernel has the newest state');
      },
      programFailed(program, reason) {
        host.programFailed();
        log.debug({ generation: program.number, reason }, 'the kernel refused a state');
      },
      checked: (order, result) => {
        if (order.direct === undefined) host.checked(result);
      },
      failed: (what, error) => log.warn({ reason: reasonOf(error) }, `${what} failed`),
    };
  }
}

/** Each order to whom it is for. */
function checkerOf({ checker, directChecker = null }: BalancerNodeOptions): Checker {
  if (directChecker === null) return checker;
  return { run: (order, signal) => (order.direct === undefined ? checker : directChecker).run(order, signal) };
}

/** A host that adds nothing. */
const BARE_HOST: BalancerHost = {
  async prepare() {},
  settled() {},
  kernelChanged() {},
  warnings: () => [],
  conntrack: () => null,
  readFile() {
    throw new Error('this balancer reads no files');
  },
  programmed() {},
  programFailed() {},
  checked() {},
};
