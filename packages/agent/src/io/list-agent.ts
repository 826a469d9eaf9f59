import type { Runtime } from '@higgins/runtime';
import type { Applied } from '@higgins/signals';
import type { AgentCore } from '../core/agent-core.js';
import type { ListObserver } from '../core/list.js';
import type { ListTarget } from '../core/list-target.js';
import { BusListSource, type BusSourceOptions } from './bus-source.js';
import { logClientEvent, runnerEvents, sourceObserver, type Telling } from './events.js';
import { Outbox } from './outbox.js';
import { Runner } from './runner.js';

/** What a list agent works with. */
export interface ListAgentOptions extends Telling {
  /** Made for the lists that are to be enforced. */
  readonly core: AgentCore;
  readonly target: ListTarget;
  readonly runtime: Runtime;
  /** The lists that come from the bus; null: none does, and nothing is acknowledged there. */
  readonly bus: Omit<BusSourceOptions, 'runtime' | 'onEvent'> | null;
  /** Hears what became of a track, whenever that changes, and whether or not there is a bus. */
  readonly acknowledged?: (track: string, applied: Applied) => void;
  /** Whether acknowledgements are published; default true. */
  readonly publishesAcknowledgements?: boolean;
}

/**
 * The part of an agent that knows nothing of its host: it takes lists from the bus and from other sources, enforces them
 * in a target, and acknowledges them. Runtime, transport and target come from outside.
 */
export class ListAgent implements AsyncDisposable {
  /** Null if no list comes from the bus. */
  readonly bus: BusListSource | null;
  readonly #options: ListAgentOptions;
  readonly #runner: Runner;
  readonly #acknowledgements: Outbox<Applied>;

  private constructor(options: ListAgentOptions, bus: BusListSource | null) {
    const { core, target, runtime, log } = options;
    this.bus = bus;
    this.#options = options;
    this.#acknowledgements = new Outbox({
      runtime,
      publish: async (track, applied) => bus?.acknowledge(track, applied),
      failed: (track, reason) => log.error({ track, reason }, 'acknowledgement not published'),
    });
    const acknowledge = (track: string, applied: Applied) => this.#acknowledge(track, applied);
    this.#runner = new Runner({ core, target, runtime, events: runnerEvents(options), acknowledge });
  }

  /** Reads what an earlier life left on disk; nothing is enforced yet. */
  static async open(options: ListAgentOptions): Promise<ListAgent> {
    const { bus, runtime, log } = options;
    const onEvent: BusSourceOptions['onEvent'] = (event) => logClientEvent(log, event);
    return new ListAgent(options, bus && (await BusListSource.open({ ...bus, runtime, onEvent })));
  }

  /** Takes what another source delivers; `source` names it in logs and metrics. */
  observer(source: string): ListObserver {
    return sourceObserver(source, this.#runner, this.#options);
  }

  /** Enforces from now on what the bus delivers, and verifies what is in force. */
  start(): void {
    this.bus?.start(this.observer('bus'));
    this.#runner.start();
  }

  /** Stops after the transaction under way; what is in force stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#runner[Symbol.asyncDispose]();
    this.#acknowledgements[Symbol.dispose]();
    await this.bus?.[Symbol.asyncDispose]();
  }

  #acknowledge(track: string, applied: Applied): void {
    const { acknowledged, publishesAcknowledgements = true } = this.#options;
    acknowledged?.(track, applied);
    if (publishesAcknowledgements) this.#acknowledgements.put(track, applied);
  }
}
