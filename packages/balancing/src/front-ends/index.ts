export { frontEndOf, readDocuments } from './documents.js';
export type { BackendAddresses } from './gateway-api/backends.js';
export { type GatewayOptions, readGatewayApi } from './gateway-api/read.js';
export type { Imported, Omission } from './importers/imported.js';
export { IMPORTERS } from './importers/index.js';
export { LOBBY_NAME, readLobby } from './lobby/read.js';
