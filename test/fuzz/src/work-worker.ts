import { parentPort, workerData } from 'node:worker_threads';
import type { Batch, Order } from './frame/fuzz-thread.js';
import { WorkMeter } from './frame/work-meter.js';

// The meter has to be there before the core is loaded.
const meter = new WorkMeter();
const { workTarget } = await import('./targets/work.js');
const { FuzzRun } = await import('./frame/run.js');

const { seed } = workerData as Order;
const run = new FuzzRun([workTarget(meter)], seed);
parentPort?.on('message', ({ from, count }: Batch) => {
  run.run(from, count);
  parentPort?.postMessage(run.result);
});
