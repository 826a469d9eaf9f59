import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandError, ExitCode } from '../output.js';

/** Every program that is started inside inherits this variable. */
const MARK = 'HIGGINS_ISOLATED_DIRECTORY';
/** Tool → the Debian package that brings it. */
const TOOLS: Readonly<Record<string, string>> = {
  unshare: 'util-linux',
  nsenter: 'util-linux',
  ip: 'iproute2',
  nft: 'nftables',
};

/**
 * Runs a program of ours in network, mount and process namespaces of its own, so that root and an unprivileged user see
 * the same, with `--directory` for its files and `args`. When it ends, for whatever reason, the kernel takes away every
 * process, namespace and table of it. Resolves to the exit code; 1 if a process was left behind.
 *
 * @throws CommandError (usage) if the machine lacks a tool
 */
export async function runIsolated(program: string, name: string, args: readonly string[]): Promise<number> {
  for (const tool of Object.keys(TOOLS)) requireTool(tool);
  const directory = mkdtempSync(join(tmpdir(), `higgins-${name}-`));
  try {
    const code = await runInside(program, directory, args);
    const left = processesOf(directory);
    if (left.length === 0) return code;
    process.stdout.write(`   \u2717 left behind: ${left.join(', ')}\n`);
    return ExitCode.failed;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function runInside(program: string, directory: string, args: readonly string[]): Promise<number> {
  const unprivileged = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const command = [
    ...unprivileged,
    ...['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'],
    ...[process.execPath, program, '--directory', directory, ...args],
  ];
  const env = { ...process.env, [MARK]: directory };
  const child = spawn('unshare', command, { stdio: ['ignore', 'inherit', 'inherit'], env });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill('SIGKILL'));
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? ExitCode.failed;
}

/** Processes that were started inside, by the mark in their environment; with the last, its namespaces and tables go. */
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
  throw new CommandError(`${tool} is missing: install it with "apt-get install ${TOOLS[tool]}"`, ExitCode.usage);
}
