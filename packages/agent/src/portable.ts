// What runs on any runtime, transport and target: loads neither native code nor Node's I/O.
export type {
  BalancerTarget,
  Checker,
  CheckOrder,
  CheckResult,
  Programmed,
  ResolutionOrder,
  ResolutionResult,
  Resolver,
} from './balancer/core/contract.js';
export { type BalancerHost, BalancerNode, type BalancerNodeOptions } from './balancer/io/balancer-node.js';
export { BusLink, type BusLinkParts } from './balancer/io/bus-link.js';
export * from './core/index.js';
export { BusListSource, type BusSourceOptions } from './io/bus-source.js';
export { ListAgent, type ListAgentOptions } from './io/list-agent.js';
export type { Log } from './log.js';
export type {
  DesiredBalancer,
  DesiredService,
  MemberCounters,
  ServiceCounters,
  ServiceMember,
} from './targets/maglev/model.js';
