export { type Authorizer, allowAnyone, type Decision, type Principal, requireCertificate } from './authorizer.js';
export { Counters, PROPAGATION_BOUNDS_MS } from './counters.js';
export { DEFAULT_LIMITS, type RelayLimits } from './limits.js';
export { Peer, type PeerPort } from './peer.js';
export { RelayCore, type RelayCoreOptions, type RelayHost } from './relay-core.js';
export { RELAY_PROTOCOLS, type RelayEvent, RelayNode, type RelayNodeOptions } from './relay-node.js';
