import type { Benchmark } from '../harness/benchmark.js';
import { commitToEnforced, expiryLateness } from './enforcement.js';
import { fanOut } from './fan-out.js';
import { balancerProcess, ejection, forwarding, reload, tables } from './forwarding.js';
import { ipdata } from './ipdata.js';
import { memory } from './memory.js';

/** The suite, in the order in which it runs. */
export const BENCHMARKS: readonly Benchmark[] = [
  ...[ipdata, fanOut, memory, commitToEnforced, expiryLateness],
  ...[tables, ejection, reload, balancerProcess, forwarding],
];
