import type { CoverageTable } from './coverage.js';
import type { Fault } from './faults.js';
import { Violation } from './invariant.js';
import type { Simulation } from './simulation.js';

/** What a run is asked for beside its seed. */
export interface RunOptions {
  /** Changes the plan of faults that the seed drew: for replaying a part of it. Default: as drawn. */
  readonly alter?: (drawn: readonly Fault[]) => readonly Fault[];
  /** Ends the run before this step; what had to hold until then was judged. */
  readonly untilStep?: number;
  /** Keeps everything that happens, not only the last. */
  readonly keepAll?: boolean;
  /** Tells which transitions were seen under which faults. */
  readonly coverage?: boolean;
}

/** What a scenario tells while it runs. */
export interface RunObserver {
  /** The world is built; nothing has happened yet. */
  built(simulation: Simulation): void;
  /** The faults that the seed drew; returns those that are to happen. */
  faults(drawn: readonly Fault[]): readonly Fault[];
}

/** A scenario: what a world looks like and what happens in it. */
export interface Scenario {
  readonly name: string;
  /** Builds the world of a seed and lets it run to its end; throws what does not hold. */
  run(seed: number, observer: RunObserver): Promise<void>;
}

/** What became of a seed; plain data. */
export interface SeedResult {
  readonly scenario: string;
  readonly seed: number;
  readonly traceHash: string;
  readonly steps: number;
  readonly virtualMs: number;
  readonly checks: number;
  /** Ids of the invariants that were held. */
  readonly invariants: readonly string[];
  /** The faults that happened. */
  readonly faults: readonly Fault[];
  readonly violation: SeedViolation | null;
  /** Null unless it was asked for. */
  readonly coverage: CoverageTable | null;
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

/** A finished run with the world that it left, for those who look closer. */
export interface SeedRun {
  readonly result: SeedResult;
  readonly simulation: Simulation | null;
}

/** Ends a run that has come as far as it was asked to. */
class StepReached extends Error {}

const UNTIL_STEP = 'until-step';
/** Lines of history that a violation carries. */
const HISTORY_LINES = 60;

/** Runs one seed of a scenario. */
export async function runSeed(scenario: Scenario, seed: number, options: RunOptions = {}): Promise<SeedResult> {
  return (await replaySeed(scenario, seed, options)).result;
}

/** As `runSeed`, with the world as it was at the end. */
export async function replaySeed(scenario: Scenario, seed: number, options: RunOptions = {}): Promise<SeedRun> {
  let simulation: Simulation | null = null;
  let faults: readonly Fault[] = [];
  let violation: SeedViolation | null = null;
  const observer: RunObserver = {
    built(built) {
      simulation = built;
      if (options.keepAll) built.historyMax = Number.POSITIVE_INFINITY;
      if (options.untilStep !== undefined) built.hold(endAt(built, options.untilStep));
    },
    faults(drawn) {
      faults = options.alter?.(drawn) ?? drawn;
      return faults;
    },
  };
  try {
    await scenario.run(seed, observer);
  } catch (error) {
    if (!(error instanceof StepReached)) violation = violationOf(simulation, error);
  }
  const coverage = options.coverage ? coverageOf(simulation) : null;
  const result = { scenario: scenario.name, seed, ...figuresOf(simulation), faults, violation, coverage };
  return { result, simulation };
}

function endAt(simulation: Simulation, step: number) {
  return {
    id: UNTIL_STEP,
    statement: 'the run ends before this step',
    check() {
      if (simulation.world.steps >= step) throw new StepReached();
    },
  };
}

function figuresOf(simulation: Simulation | null) {
  if (simulation === null) return { traceHash: '', steps: 0, virtualMs: 0, checks: 0, invariants: [] };
  const { world, checks } = simulation;
  const invariants = simulation.invariants.map(({ id }) => id).filter((id) => id !== UNTIL_STEP);
  return { traceHash: world.trace.digest(), steps: world.steps, virtualMs: world.nowMs, checks, invariants };
}

function coverageOf(simulation: Simulation | null): CoverageTable {
  if (simulation === null) return {};
  simulation.coverage.sample(simulation.world.nowMs);
  return simulation.coverage.table();
}

function violationOf(simulation: Simulation | null, error: unknown): SeedViolation {
  return {
    invariant: error instanceof Violation ? error.invariant : 'error',
    message:
      error instanceof Violation ? error.message : String(error instanceof Error ? (error.stack ?? error) : error),
    step: simulation?.world.steps ?? 0,
    atMs: simulation?.world.nowMs ?? 0,
    history: simulation?.history().slice(-HISTORY_LINES) ?? [],
  };
}
