export { frontEndOf, readDocuments } from './documents.js';
export type { BackendAddresses } from './gateway-api/backends.js';
export { type GatewayOptions, readGatewayApi } from './gateway-api/read.js';
export { LOBBY_NAME, readLobby } from './lobby/read.js';
