import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Found, Tally } from './run.js';

/** What the thread has come to. */
export interface WorkResult {
  readonly tallies: readonly (readonly [string, Tally])[];
  readonly found: readonly (readonly [string, Found])[];
}

/** The `work` target in a thread of its own, since counting slows down everything in its isolate. */
export class WorkThread {
  readonly #worker: Worker;
  result: WorkResult = { tallies: [], found: [] };

  /** Starts with input `from` of `seed`. */
  constructor(seed: number, from: number) {
    this.#worker = new Worker(new URL('../work-worker.js', import.meta.url), { workerData: { seed, from } });
  }

  /** Runs `inputs` more. */
  async run(inputs: number): Promise<void> {
    this.#worker.postMessage(inputs);
    const [result] = (await once(this.#worker, 'message')) as [WorkResult];
    this.result = result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}
