// A worker thread: runs the seeds that it is given, one after the other, and answers each with its result.
import { parentPort } from 'node:worker_threads';
import { runSeed } from '../frame/run-seed.js';
import { largeScenarios, scenarios } from '../scenarios/index.js';
import type { SeedOrder } from './pool.js';

const port = parentPort;
if (port === null) throw new Error('seed-worker: expected to run as a worker thread');
port.on('message', async ({ scenario, seed, coverage = false }: SeedOrder) => {
  const found = [...scenarios, ...largeScenarios].find(({ name }) => name === scenario);
  if (found === undefined) throw new Error(`no scenario is named ${scenario}`);
  port.postMessage(await runSeed(found, seed, { coverage }));
});
