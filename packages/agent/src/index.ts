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
export { NftError, type NftErrorCode } from './targets/nft/errors.js';
