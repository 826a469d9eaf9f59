export {
  decodeMemoryCertificate,
  type MemoryCertificate,
  memoryAuthorities,
  memoryCertificateHash,
  memoryIdentity,
} from './certificates.js';
export type { HostReading } from './host-reading.js';
export type { Link, LinkOptions } from './link.js';
export { MemoryNetwork, type MemoryNetworkOptions } from './network.js';
export type { MemoryTransport } from './transport.js';
