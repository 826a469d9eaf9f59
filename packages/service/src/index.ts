export {
  type ConfigDocument,
  ConfigError,
  type ConfigProblem,
  loadConfig,
  loadDocuments,
  parseConfig,
  parseDocuments,
} from './config.js';
export { createLogger, type Logger, type LogLevel } from './logs.js';
export { type OperationsOptions, type OperationsServer, serveOperations } from './operations.js';
export { onShutdown } from './shutdown.js';
