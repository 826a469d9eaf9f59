export { drawFaults, type Fault, type FaultKind, type FaultSpace } from './frame/faults.js';
export { type Invariant, Violation } from './frame/invariant.js';
export { type ProcessContext, type Program, SimulatedNode } from './frame/node.js';
export type { Observation } from './frame/observation.js';
export { runSeed, type Scenario, type SeedResult, type SeedViolation } from './frame/run-seed.js';
export { Simulation } from './frame/simulation.js';
export { scenarios } from './scenarios/index.js';
