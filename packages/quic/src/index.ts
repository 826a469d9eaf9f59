export { QuicTransport, type QuicTransportOptions, type TransportStatistics } from './quic-transport.js';
