export { DEFAULT_CONNECTION_LIMITS, resolveLimits } from './limits.js';
export * from './memory/index.js';
export * from './transport.js';
