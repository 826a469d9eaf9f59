import type { Command } from 'commander';
import { CommandError, ExitCode } from '../output.js';

/** `higgins simulate`: the simulator, which is loaded when it is asked for; published installations do without it. */
export function addSimulateCommand(program: Command): void {
  program
    .command('simulate')
    .description('run relays, clients and agents in virtual time under faults that a seed decides (in a clone only)')
    // Its options are the simulator's own, `--help` among them.
    .helpOption(false)
    .allowUnknownOption()
    .argument('[options...]', 'such as --seed 7 --timeline; --help lists them')
    .action(async (options: readonly string[]) => {
      const { simulateCommand } = await loadSimulator();
      await simulateCommand().exitOverride().parseAsync(options, { from: 'user' });
    });
}

/** What `import` of the simulator gives. Throws CommandError where it is not installed. */
export async function loadSimulator(load = () => import('@higgins/simulator/command')) {
  try {
    return await load();
  } catch (cause) {
    if (!isMissing(cause)) throw cause;
    const remedy = 'expected a clone of the repository: run `pnpm higgins simulate` there';
    throw new CommandError(`the simulator is not part of this installation, ${remedy}`, ExitCode.usage, { cause });
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
}
