import { createLogger, onShutdown } from '@higgins/service';
import { loadAgentConfig } from '../config.js';
import { reasonOf } from '../reason.js';
import { type Agent, startAgent } from './agent.js';

/**
 * Runs the agent of a configuration file until SIGTERM or SIGINT; SIGHUP reads list files again.
 *
 * The kernel's state stays in force when the program ends. Resolves once the agent works.
 *
 * @throws ConfigError; NftError; Error if an address or the socket can't be served
 */
export async function runAgent(configPath: string): Promise<Agent> {
  const config = loadAgentConfig(configPath);
  const logger = createLogger('agent', config.logLevel);
  const agent = await startAgent(config, { logger });
  process.on('SIGHUP', () => agent.reload());
  onShutdown(
    async () => agent[Symbol.asyncDispose](),
    (error) => logger.error({ reason: reasonOf(error) }, 'shutdown failed'),
  );
  logger.info({ pop: config.pop, lists: config.lists.length }, 'agent started');
  return agent;
}
