export { DnsResolver, type DnsResolverOptions } from './dns-resolver.js';
export { dnsServer } from './dns-server.js';
export { ResolutionError, type ResolutionErrorCode } from './errors.js';
export type { SystemFiles } from './system-names.js';
