import { onShutdown } from '@higgins/service';
import type { RelayConfigInput } from './config.js';
import { type RelayServer, startRelay } from './start-relay.js';

/**
 * Runs a relay as the program's main job: SIGTERM and SIGINT drain it and end the process, SIGHUP reads certificates,
 * keys and authorities again. Resolves once it listens.
 *
 * @throws ConfigError, TlsFileError or TransportError, as `startRelay`
 */
export async function runRelay(input: RelayConfigInput): Promise<RelayServer> {
  const relay = await startRelay(input);
  const report = (error: unknown) => relay.log.error(error);
  onShutdown(() => relay.drain(), report);
  process.on('SIGHUP', () => {
    try {
      relay.reload();
    } catch (error) {
      // The old certificates stay in use.
      report(error);
    }
  });
  return relay;
}
