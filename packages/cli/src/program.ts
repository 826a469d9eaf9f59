import { Command } from 'commander';
import { addAgentCommand } from './commands/agent.js';
import { addCertsCommand } from './commands/certs.js';
import { addInteropCommand } from './commands/interop.js';
import { addLbCommand } from './commands/lb/index.js';
import { addListsCommand } from './commands/lists.js';
import { addPublishCommand } from './commands/publish.js';
import { addRelayCommand } from './commands/relay.js';
import { addSimulateCommand } from './commands/simulate.js';
import { addStatusCommand } from './commands/status.js';
import { addSubscribeCommand } from './commands/subscribe.js';
import { addValidateConfigCommand } from './commands/validate-config.js';

const EXIT_CODES = `
Exit codes: 0 done, 1 what was asked for does not hold, 2 wrong arguments or files (nothing was done),
3 a relay or agent could not be reached or refused us.`;

/** The whole command line; its actions throw CommandError. */
export function createProgram(): Command {
  const program = new Command('higgins')
    .description('The MOQT signal bus for edge networks.')
    .exitOverride()
    .showHelpAfterError('(see --help)')
    .addHelpText('after', EXIT_CODES);
  addRelayCommand(program);
  addAgentCommand(program);
  addLbCommand(program);
  addPublishCommand(program);
  addSubscribeCommand(program);
  addListsCommand(program);
  addStatusCommand(program);
  addCertsCommand(program);
  addValidateConfigCommand(program);
  addInteropCommand(program);
  addSimulateCommand(program);
  // Subcommands inherit neither of these.
  for (const command of descendants(program)) command.exitOverride().showHelpAfterError('(see --help)');
  return program;
}

function descendants(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...descendants(child)]);
}
