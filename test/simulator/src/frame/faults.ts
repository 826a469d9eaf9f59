export { drawFaults, type FaultSpace } from './draw-faults.js';
export {
  describeFault,
  type Fault,
  type FaultKind,
  type LinkFault,
  type LinkFaultKind,
  type NodeFault,
  type NodeFaultKind,
} from './fault.js';
export { healAll, scheduleFaults } from './schedule-faults.js';
