import { runSeed, type Scenario } from '../frame/run-seed.js';

/** How fast one scenario runs on one thread. */
export interface BenchResult {
  readonly scenario: string;
  readonly seeds: number;
  readonly seedsPerMinute: number;
  /** The same by the processor's time: what a core to itself would do, whatever else the machine does. */
  readonly seedsPerCoreMinute: number;
  /** Virtual hours per real minute. */
  readonly virtualHoursPerMinute: number;
  readonly stepsPerSecond: number;
  /** The most that this process had in memory so far, in MB. */
  readonly memoryMb: number;
  readonly violations: number;
}

/** Runs seeds for so long, at least one, and tells how fast they ran. */
export async function bench(scenario: Scenario, fromSeed: number, durationMs: number): Promise<BenchResult> {
  const startedMs = performance.now();
  const before = process.cpuUsage();
  let virtualMs = 0;
  let steps = 0;
  let seeds = 0;
  let violations = 0;
  let elapsedMs = 0;
  do {
    const result = await runSeed(scenario, fromSeed + seeds);
    seeds += 1;
    virtualMs += result.virtualMs;
    steps += result.steps;
    if (result.violation !== null) violations += 1;
    elapsedMs = performance.now() - startedMs;
  } while (elapsedMs < durationMs);
  const minutes = elapsedMs / 60_000;
  const { user, system } = process.cpuUsage(before);
  return {
    scenario: scenario.name,
    ...{ seeds, violations },
    seedsPerMinute: seeds / minutes,
    seedsPerCoreMinute: seeds / ((user + system) / 60e6),
    virtualHoursPerMinute: virtualMs / 3_600_000 / minutes,
    stepsPerSecond: (steps / elapsedMs) * 1000,
    memoryMb: process.resourceUsage().maxRSS / 1024,
  };
}

/** One line for people. */
export function benchText(result: BenchResult): string {
  const { scenario, seeds, seedsPerMinute, seedsPerCoreMinute, violations } = result;
  const { virtualHoursPerMinute, stepsPerSecond, memoryMb } = result;
  return (
    `${scenario.padEnd(16)} ${seeds} seeds, ${seedsPerMinute.toFixed(1)} seeds per minute ` +
    `(${seedsPerCoreMinute.toFixed(1)} per minute of the processor), ` +
    `${virtualHoursPerMinute.toFixed(2)} virtual hours per minute, ${Math.round(stepsPerSecond)} steps per second, ` +
    `up to ${Math.round(memoryMb)} MB, ${violations} violations`
  );
}
