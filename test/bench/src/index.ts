export { BENCHMARKS } from './benchmarks/index.js';
export type { Benchmark, BenchmarkContext, Figure, Outcome } from './harness/benchmark.js';
