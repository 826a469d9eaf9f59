import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Found, Tally } from './run.js';

/** What a thread is to do. */
export interface Order {
  readonly seed: number;
  /** Names of targets. */
  readonly targets: readonly string[];
}

/** Inputs by number. */
export interface Batch {
  readonly from: number;
  readonly count: number;
}

/** What a thread, or all of them, have come to. */
export interface Result {
  readonly tallies: readonly (readonly [target: string, Tally])[];
  readonly found: readonly (readonly [signature: string, Found])[];
}

/** A thread that runs inputs. The `work` target has one of its own, since counting slows down everything in its isolate. */
export class FuzzThread implements AsyncDisposable {
  readonly #worker: Worker;
  result: Result = { tallies: [], found: [] };

  constructor(kind: 'fuzz' | 'work', order: Order) {
    this.#worker = new Worker(new URL(`../${kind}-worker.js`, import.meta.url), { workerData: order });
  }

  /** Runs a batch more. */
  async run(batch: Batch): Promise<void> {
    this.#worker.postMessage(batch);
    const [result] = (await once(this.#worker, 'message')) as [Result];
    this.result = result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}
