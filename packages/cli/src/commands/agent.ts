import { ListFileError, NftError, runAgent } from '@higgins/agent';
import type { Command } from 'commander';
import { CommandError, ExitCode } from '../output.js';

/** `higgins agent`: runs a PoP agent until SIGTERM. */
export function addAgentCommand(program: Command): void {
  program
    .command('agent')
    .description('enforce named lists in the kernel of this machine or network namespace (needs CAP_NET_ADMIN)')
    .requiredOption('--config <file>', 'configuration of the agent (YAML)')
    .addHelpText(
      'after',
      `
SIGTERM stops the program and leaves what is enforced in force; SIGHUP reads list files again.

Example:
  higgins validate-config agent examples/agent.yaml && sudo higgins agent --config examples/agent.yaml`,
    )
    .action(async (options: { config: string }) => {
      try {
        await runAgent(options.config);
      } catch (cause) {
        if (cause instanceof NftError || cause instanceof ListFileError) {
          throw new CommandError(cause.message, ExitCode.failed, { cause });
        }
        throw cause;
      }
    });
}
