export { loadRelayConfig, type RelayConfig, type RelayConfigInput, relayConfigSchema } from './io/config.js';
export { runRelay } from './io/run-relay.js';
export { type RelayServer, startRelay } from './io/start-relay.js';
export { TlsFileError } from './io/tls-files.js';
export { validateRelayConfig } from './io/validate.js';
