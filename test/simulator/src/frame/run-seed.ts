import { Violation } from './invariant.js';
import type { Simulation } from './simulation.js';

/** A scenario: what a world looks like and what happens in it. */
export interface Scenario {
  readonly name: string;
  /** Builds the world of a seed and lets it run to its end; throws what does not hold. */
  run(seed: number, onBuilt: (simulation: Simulation) => void): Promise<void>;
}

/** What became of a seed. */
export interface SeedResult {
  readonly scenario: string;
  readonly seed: number;
  readonly traceHash: string;
  readonly steps: number;
  readonly virtualMs: number;
  readonly checks: number;
  readonly violation: SeedViolation | null;
}

export interface SeedViolation {
  /** The invariant that does not hold; `error` if the code under simulation threw. */
  readonly invariant: string;
  readonly message: string;
  readonly step: number;
  readonly atMs: number;
  /** The last things that happened, one line each. */
  readonly history: readonly string[];
}

/** Runs one seed of a scenario. */
export async function runSeed(scenario: Scenario, seed: number): Promise<SeedResult> {
  let simulation: Simulation | null = null;
  let violation: SeedViolation | null = null;
  try {
    await scenario.run(seed, (built) => {
      simulation = built;
    });
  } catch (error) {
    violation = violationOf(simulation, error);
  }
  return { scenario: scenario.name, seed, ...figuresOf(simulation), violation };
}

function figuresOf(simulation: Simulation | null) {
  if (simulation === null) return { traceHash: '', steps: 0, virtualMs: 0, checks: 0 };
  const { world, checks } = simulation;
  return { traceHash: world.trace.digest(), steps: world.steps, virtualMs: world.nowMs, checks };
}

function violationOf(simulation: Simulation | null, error: unknown): SeedViolation {
  return {
    invariant: error instanceof Violation ? error.invariant : 'error',
    message:
      error instanceof Violation ? error.message : String(error instanceof Error ? (error.stack ?? error) : error),
    step: simulation?.world.steps ?? 0,
    atMs: simulation?.world.nowMs ?? 0,
    history: simulation?.history().slice(-60) ?? [],
  };
}
