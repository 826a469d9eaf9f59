// `pnpm demo`: runs the demo in namespaces of its own.
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { parseDurationMs } from '../duration.js';
import { runIsolated } from '../isolated/isolate.js';
import { CommandError, ExitCode } from '../output.js';

const program = new Command('demo')
  .description('A real list is published, relayed over two tiers, enforced in two kernels, and expires on time.')
  .option('--json <file>', 'write { steps: [{ name, ok, detail }], figures } to a file')
  .option('--ttl <duration>', "time to live of the demo's lists", '20s')
  .option('--logs <directory>', 'keep the logs of the programs here')
  .addHelpText(
    'after',
    '\nExit code: 0 if every step was observed to hold, 1 if one was not, 2 if the machine lacks something.',
  )
  .parse();

const options = program.opts<{ json?: string; ttl: string; logs?: string }>();

try {
  parseDurationMs(options.ttl, '--ttl');
  const inside = fileURLToPath(new URL('./inside.js', import.meta.url));
  process.exitCode = await runIsolated(inside, 'demo', [
    ...['--ttl', options.ttl],
    ...(options.json === undefined ? [] : ['--json', resolve(options.json)]),
    ...(options.logs === undefined ? [] : ['--logs', resolve(options.logs)]),
  ]);
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof CommandError ? error.exitCode : ExitCode.failed;
}
