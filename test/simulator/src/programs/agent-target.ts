import { entriesOf, type ListOutcome, type ListTarget, type ListValue } from '@higgins/agent/portable';
import type { ProcessContext } from '../frame/node.js';
import type { VirtualKernel } from './kernel.js';
import { pause } from './pause.js';

/** Transactions after which a kernel that others keep changing is left for later, as in production. */
const ROUNDS_MAX = 24;

/**
 * Lists in a virtual kernel, under the contract that the nft target has: a transaction takes time and is atomic, what it
 * did is read back, and a generation tells what others did.
 */
export class VirtualListTarget implements ListTarget {
  readonly #kernel: VirtualKernel;
  readonly #context: ProcessContext;
  readonly #transactionMs: number;
  /** The generation that nothing but our own transactions led to; null if the kernel must be looked at. */
  #accounted: number | null = null;

  constructor(kernel: VirtualKernel, context: ProcessContext, transactionMs: number) {
    this.#kernel = kernel;
    this.#context = context;
    this.#transactionMs = transactionMs;
  }

  async enforce(id: string, value: ListValue, signal: AbortSignal): Promise<ListOutcome> {
    const { runtime } = this.#context;
    let appliedBootMs: number | null = null;
    for (let transactions = 0; transactions < ROUNDS_MAX; transactions += 1) {
      if (this.#holds(id, value)) return { transactions, intervals: entriesOf(value), appliedBootMs };
      await pause(runtime, this.#transactionMs + this.#kernel.delayMs, signal);
      this.#transact(id, value);
      appliedBootMs = runtime.bootMs();
      // The read-back is a question of its own: others may have been faster.
      await pause(runtime, 0, signal);
    }
    throw new Error(`list ${id}: not in place after ${ROUNDS_MAX} attempts`);
  }

  async changedByOthers(): Promise<boolean> {
    return this.#accounted !== this.#kernel.generation;
  }

  /** A virtual kernel needs no tables. */
  async repair(): Promise<boolean> {
    return false;
  }

  async beginVerification(): Promise<void> {
    this.#accounted = this.#kernel.generation;
  }

  #transact(track: string, { group, version, deadlineBootMs }: ListValue): void {
    const kernel = this.#kernel;
    if (kernel.refusal !== null) throw new Error(`list ${track}: ${kernel.refusal}`);
    const before = kernel.generation;
    kernel.enforce(track, { group, version: version ?? 0, deadlineBootMs });
    this.#accounted = this.#accounted === before ? kernel.generation : null;
    if (kernel.inForce(track) === null) return;
    const { node, observe } = this.#context;
    observe({ kind: 'enforced', node: node.name, track, group, version: version ?? 0 });
  }

  #holds(track: string, value: ListValue): boolean {
    const list = this.#kernel.lists().get(track);
    return list !== undefined && list.group === value.group && list.deadlineBootMs === value.deadlineBootMs;
  }
}
