import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { SeedResult } from '../frame/run-seed.js';

/** One seed to run. */
export interface SeedOrder {
  readonly scenario: string;
  readonly seed: number;
  /** Tells which transitions were seen under which faults. */
  readonly coverage?: boolean;
}

/** Runs all orders on so many threads; `done` is called for each as it ends. Rejects if a thread fails. */
export async function runOnThreads(
  orders: readonly SeedOrder[],
  threads: number,
  done: (result: SeedResult) => void,
): Promise<void> {
  const waiting = orders[Symbol.iterator]();
  const work = async () => {
    const worker = new Worker(new URL('./seed-worker.js', import.meta.url));
    try {
      for (const order of waiting) {
        worker.postMessage(order);
        const [result] = (await once(worker, 'message')) as [SeedResult];
        done(result);
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: Math.min(threads, orders.length) }, work));
}
