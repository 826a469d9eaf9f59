import { loadRelayConfig, type RelayConfig } from './config.js';
import { readIdentity, readPem } from './tls-files.js';

/**
 * Checks a configuration file as the relay would before it listens: schema, and that every file it names can be read.
 *
 * @throws ConfigError naming every problem with its line, or TlsFileError naming the file
 */
export function validateRelayConfig(path: string): RelayConfig {
  const config = loadRelayConfig(path);
  readIdentity(config.tls.certificate, config.tls.privateKey);
  if (config.tls.clientAuthorities !== undefined) readPem(config.tls.clientAuthorities, 'authorities');
  for (const { certificate, privateKey, authorities } of config.upstreams) {
    if (certificate !== undefined && privateKey !== undefined) readIdentity(certificate, privateKey);
    if (authorities !== undefined) readPem(authorities, 'authorities');
  }
  return config;
}
