export { acknowledgementOf } from './acknowledgement.js';
export {
  type AgentAction,
  AgentCore,
  type EnforcedValue,
  type ListBinding,
  type ListFailure,
  type ListPhase,
  type ListState,
  type Now,
} from './agent-core.js';
export { entriesOf, type ListObserver, type ListRefusal, type ListSource, type ListValue } from './list.js';
export type { ListOutcome, ListTarget } from './list-target.js';
export type { Target } from './target.js';
