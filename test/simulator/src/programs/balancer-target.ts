import type {
  BalancerTarget,
  DesiredBalancer,
  DesiredService,
  Programmed,
  ServiceCounters,
} from '@higgins/agent/portable';
import type { ProcessContext } from '../frame/node.js';
import type { VirtualDataPath } from './balancer-kernel.js';
import { pause } from './pause.js';

/** A virtual kernel's balancing under the contract that the maglev target has: a transaction takes time and is atomic. */
export class VirtualBalancerTarget implements BalancerTarget {
  readonly #kernel: VirtualDataPath;
  readonly #runtime: ProcessContext['runtime'];
  readonly #transactionMs: number;
  readonly #changed: () => void;
  /** What this process brought about last, and the generation that led to. */
  #known: { readonly desired: DesiredBalancer; readonly generation: number } | null = null;

  /** `changed` hears of every transaction, in the moment in which it is in force. */
  constructor(kernel: VirtualDataPath, runtime: ProcessContext['runtime'], transactionMs: number, changed: () => void) {
    this.#kernel = kernel;
    this.#runtime = runtime;
    this.#transactionMs = transactionMs;
    this.#changed = changed;
  }

  async apply(desired: DesiredBalancer, signal: AbortSignal): Promise<Programmed> {
    const kernel = this.#kernel;
    const needed = kernel.differences(desired).length > 0;
    if (needed) {
      await pause(this.#runtime, this.#transactionMs + kernel.delayMs, signal);
      kernel.replace(desired);
      this.#changed();
    }
    this.#known = { desired, generation: kernel.generation };
    return { transactions: needed ? 1 : 0, structure: false, appliedBootMs: this.#runtime.bootMs() };
  }

  async verify(): Promise<readonly string[]> {
    const kernel = this.#kernel;
    if (this.#known === null || this.#known.generation === kernel.generation) return [];
    const differences = kernel.differences(this.#known.desired);
    if (differences.length === 0) this.#known = { ...this.#known, generation: kernel.generation };
    return differences.map((id) => `service ${id} is not as it was written`);
  }

  async counters(): Promise<readonly ServiceCounters[]> {
    return (this.#known?.desired.services ?? []).map(({ id, members }) => {
      const counted = [...members.keys()].map((name) => [name, { ...this.#kernel.countersOf(id, name) }] as const);
      const packets = counted.reduce((sum, [, counters]) => sum + counters.packets, 0);
      const refused = { limit: 0, rate: 0, source: 0, none: 0 };
      return { id, packets, bytes: 0, refused, members: new Map(counted) };
    });
  }

  async connections({ id, members }: DesiredService, member: string): Promise<number> {
    return this.#kernel.flowsOf(id, member, members.get(member)?.address);
  }

  async cut({ id, members }: DesiredService, member: string): Promise<number> {
    return this.#kernel.flowsOf(id, member, members.get(member)?.address, true);
  }

  async flush(): Promise<void> {
    this.#kernel.flush();
    this.#known = null;
  }
}
