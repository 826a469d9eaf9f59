import type { Command } from 'commander';
import { DEFAULT_SOCKET } from './control.js';
import { addImportCommand } from './import.js';
import { addInspectingCommands } from './inspect.js';
import { addOperatingCommands } from './operate.js';
import { addRunCommand } from './run.js';
import { addValidateCommand } from './validate.js';
import { addWatchingCommands } from './watch.js';

/** `higgins lb`: the L4 load balancer of this machine, and what its operator asks of it. */
export function addLbCommand(program: Command): void {
  const lb = program.command('lb').description('balance TCP, UDP and SCTP in the kernel of this machine');
  addRunCommand(lb);
  addValidateCommand(lb);
  addInspectingCommands(lb, withSocket);
  addOperatingCommands(lb, withSocket);
  addWatchingCommands(lb, withSocket);
  addImportCommand(lb);
}

/** What every command takes that talks to a running balancer. */
function withSocket(command: Command): Command {
  return command
    .option('--socket <path>', 'where the balancer serves its operator', DEFAULT_SOCKET)
    .option('--json', 'print one JSON line');
}
