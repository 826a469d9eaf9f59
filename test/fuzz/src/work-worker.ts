import { parentPort, workerData } from 'node:worker_threads';
import { WorkMeter } from './frame/work-meter.js';

/** What the main thread gives the worker. */
export interface WorkOrder {
  readonly seed: number;
  readonly from: number;
}

// The meter has to be there before the core is loaded.
const meter = new WorkMeter();
const { workTarget } = await import('./targets/work.js');
const { FuzzRun } = await import('./frame/run.js');

const { seed, from } = workerData as WorkOrder;
const run = new FuzzRun([workTarget(meter)], seed, from);
parentPort?.on('message', (inputs: number) => {
  run.run(inputs);
  parentPort?.postMessage({ tallies: [...run.tallies], found: [...run.found] });
});
