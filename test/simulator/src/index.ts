export { drawFaults, type Fault, type FaultKind, type FaultSpace } from './frame/faults.js';
export { type Invariant, Violation } from './frame/invariant.js';
export { type ProcessContext, type Program, SimulatedNode } from './frame/node.js';
export type { Observation } from './frame/observation.js';
export {
  type RunObserver,
  type RunOptions,
  replaySeed,
  runSeed,
  type Scenario,
  type SeedResult,
  type SeedRun,
  type SeedViolation,
} from './frame/run-seed.js';
export { type Shrunk, shrinkSeed } from './frame/shrink.js';
export { Simulation } from './frame/simulation.js';
export { scenarios } from './scenarios/index.js';
