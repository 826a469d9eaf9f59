// `pnpm demo`: puts itself into namespaces of its own, so that root and an unprivileged user see the same, and runs the
// demo there. When it ends, for whatever reason, the kernel takes away every process, namespace and table of it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { parseDurationMs } from '../duration.js';
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

/** Every program of the demo inherits this variable. */
const MARK = 'HIGGINS_DEMO_DIRECTORY';

const options = program.opts<{ json?: string; ttl: string; logs?: string }>();

try {
  parseDurationMs(options.ttl, '--ttl');
  process.exitCode = await runInNamespaces();
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof CommandError ? error.exitCode : ExitCode.failed;
}

async function runInNamespaces(): Promise<number> {
  for (const tool of ['unshare', 'nsenter', 'ip', 'nft']) requireTool(tool);
  const directory = mkdtempSync(join(tmpdir(), 'higgins-demo-'));
  try {
    const code = await runInside(directory);
    const left = processesOf(directory);
    if (left.length === 0) return code;
    process.stdout.write(`   \u2717 left behind: ${left.join(', ')}\n`);
    return ExitCode.failed;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function runInside(directory: string): Promise<number> {
  const unprivileged = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const inside = fileURLToPath(new URL('./inside.js', import.meta.url));
  const args = [
    ...unprivileged,
    ...['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'],
    ...[process.execPath, inside, '--directory', directory, '--ttl', options.ttl],
    ...(options.json === undefined ? [] : ['--json', resolve(options.json)]),
    ...(options.logs === undefined ? [] : ['--logs', resolve(options.logs)]),
  ];
  const env = { ...process.env, [MARK]: directory };
  const child = spawn('unshare', args, { stdio: ['ignore', 'inherit', 'inherit'], env });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill('SIGKILL'));
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? ExitCode.failed;
}

/** Processes that were started by this demo, by the mark in their environment; with the last, its namespaces and tables go. */
function processesOf(directory: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`${MARK}=${directory}`);
    } catch {
      // The process ended meanwhile, or belongs to somebody else.
      return false;
    }
  });
}

function requireTool(tool: string): void {
  if (['/usr/sbin', '/usr/bin', '/sbin', '/bin'].some((directory) => existsSync(join(directory, tool)))) return;
  const name = tool === 'nft' ? 'nftables' : tool === 'ip' ? 'iproute2' : 'util-linux';
  throw new CommandError(`${tool} is missing: install it with "apt-get install ${name}"`, ExitCode.usage);
}
