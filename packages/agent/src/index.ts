export { type CheckProbe, CheckTypeError, CheckTypes } from './balancer/checks/index.js';
export type {
  BalancerEvent,
  BalancerOccurrence,
  MemberName,
  PoolName,
  Severity,
} from './balancer/core/events.js';
export {
  type BalancerControl,
  type BalancerDiff,
  type BalancerStatus,
  type CheckStatus,
  type ConfigurationStatus,
  ControlError,
  type ControlErrorCode,
  type DrainOptions,
  type DrainStatus,
  type EventNotice,
  type FlowExplanation,
  type FlowQuestion,
  type KernelStatus,
  type MemberSelector,
  type MemberStatusReport,
  type NameStatus,
  type PoolStatus,
  type ReloadResult,
  type ServiceDiff,
  type ServiceMemberStatus,
  type ServiceStatus,
  type TrafficTotals,
} from './balancer/core/status.js';
export { type WebhookConfig, webhooksSchema } from './balancer/events/index.js';
export { type Balancer, startBalancer } from './balancer/io/balancer.js';
export type { BalancerBus, BalancerOptions, DesiredFrom, GatewayName } from './balancer/io/balancer-options.js';
export {
  type ConfigurationFile,
  loadConfigurationFile,
  parseConfigurationFile,
} from './balancer/io/configuration-file.js';
export { ControlClient } from './balancer/io/control-client.js';
export {
  type AgentConfig,
  type AgentConfigInput,
  agentConfigSchema,
  type ListConfig,
  loadAgentConfig,
  validateAgentConfig,
} from './config.js';
export { type Agent, type AgentOptions, startAgent } from './io/agent.js';
export { ListFileError } from './io/list-file.js';
export type { Freshness, ListReport } from './io/list-report.js';
export type { ListMatch } from './io/local-server.js';
export { runAgent } from './io/program.js';
export { TlsFileError } from './io/tls-files.js';
export type { DesiredBalancer, DesiredService, ServiceMember } from './targets/maglev/model.js';
export { MaglevTarget, type MaglevTargetOptions } from './targets/maglev/target.js';
export { XdpAcceleration, type XdpAccelerationOptions } from './targets/maglev/xdp.js';
export { NftError, type NftErrorCode } from './targets/nft/errors.js';
