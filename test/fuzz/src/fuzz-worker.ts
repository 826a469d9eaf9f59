import { parentPort, workerData } from 'node:worker_threads';
import type { Batch, Order } from './frame/fuzz-thread.js';
import { FuzzRun } from './frame/run.js';
import { turnsOf } from './targets/index.js';

const { seed, targets } = workerData as Order;
const run = new FuzzRun(turnsOf(targets), seed);
// Errors are what most inputs lead to, and their stacks cost more than the rest; a replay shows them.
Error.stackTraceLimit = 0;
parentPort?.on('message', ({ from, count }: Batch) => {
  run.run(from, count);
  parentPort?.postMessage(run.result);
});
