// `pnpm lab`: shows the load balancer at work, in namespaces of its own.
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import { runIsolated } from '../isolated/isolate.js';
import { CommandError, ExitCode } from '../output.js';
import { EXAMPLES } from './examples.js';

const program = new Command('lab')
  .description('A client, a load balancer and backends: distribution, drain, a death, a reload, and a killed balancer.')
  .addOption(
    new Option('--example <name>', 'which file of examples/lb is balanced')
      .choices(Object.keys(EXAMPLES))
      .default('lab'),
  )
  .option('--json <file>', 'write { steps: [{ name, ok, detail }], figures } to a file')
  .option('--logs <directory>', 'keep the logs of the programs here')
  .addHelpText(
    'after',
    '\nExit code: 0 if every step was observed to hold, 1 if one was not, 2 if the machine lacks something.',
  )
  .parse();

const options = program.opts<{ example: string; json?: string; logs?: string }>();

try {
  const inside = fileURLToPath(new URL('./inside.js', import.meta.url));
  process.exitCode = await runIsolated(inside, 'lab', [
    ...['--example', options.example],
    ...(options.json === undefined ? [] : ['--json', resolve(options.json)]),
    ...(options.logs === undefined ? [] : ['--logs', resolve(options.logs)]),
  ]);
} catch (error) {
  process.stderr.write(`lab: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof CommandError ? error.exitCode : ExitCode.failed;
}
