export { WebTransportConnection, type WebTransportConnectionOptions } from './connection.js';
export { type WebTransportOptions, WebTransportTransport } from './transport.js';
export type * from './w3c.js';
