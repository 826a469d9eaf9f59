#!/usr/bin/env node
// `lobby`: the load balancer under Lobby's name, with its flags and signals, for hosts that have its configuration.
import { existsSync, readFileSync } from 'node:fs';
import { ConfigError, createLogger, type LogLevel } from '@higgins/service';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { DEFAULT_SOCKET } from './commands/lb/control.js';
import { DEFAULT_STATE, runBalancer } from './commands/lb/run.js';
import { CommandError, ExitCode } from './output.js';

/** Where its configuration is looked for, in this order. */
const CONFIGURATIONS = ['./lobby.conf', '/etc/lobby/lobby.conf'];
const LOG_LEVELS: Readonly<Record<string, LogLevel>> = {
  critical: 'error',
  warning: 'warn',
  info: 'info',
  debug: 'debug',
  verbosedebug: 'debug',
  debugverbose: 'debug',
};
/** The third interrupt ends the program at once. */
const INTERRUPTS_UNTIL_EXIT = 3;

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const program = new Command('lobby')
  .description('balances TCP and UDP with nftables, as its configuration file says (higgins lb run)')
  .option('-c <file>', `configuration file; default ${CONFIGURATIONS.join(', then ')}`)
  .option('-l <level>', 'critical, warning, info, debug or verboseDebug', parseLevel, 'info')
  .version(`lobby (higgins) ${version}`, '-v', 'print name and version')
  .helpOption('-h', 'print this help')
  .addHelpText(
    'after',
    `
SIGHUP reads the file again; SIGTERM and SIGINT stop the program, a third SIGINT at once. Traffic goes on after a stop:
higgins lb flush ends it. LOBBY_STATE and LOBBY_SOCKET name other places for state and commands.`,
  )
  .exitOverride()
  .action(({ c, l }: { c?: string; l: LogLevel }) => run(c ?? found(), l));

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? ExitCode.ok : ExitCode.failed;
  else {
    const expected = error instanceof CommandError || error instanceof ConfigError;
    process.stderr.write(`lobby: ${expected ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(ExitCode.failed);
  }
}

async function run(path: string, level: LogLevel): Promise<void> {
  const stateDirectory = process.env['LOBBY_STATE'] ?? DEFAULT_STATE;
  const controlSocket = process.env['LOBBY_SOCKET'] ?? DEFAULT_SOCKET;
  const options = { desired: { kind: 'file', path }, stateDirectory, controlSocket } as const;
  await runBalancer(options, createLogger('lobby', level), INTERRUPTS_UNTIL_EXIT);
}

function found(): string {
  const path = CONFIGURATIONS.find((candidate) => existsSync(candidate));
  if (path !== undefined) return path;
  throw new CommandError(`no configuration: expected -c FILE, or one of ${CONFIGURATIONS.join(', ')}`, ExitCode.failed);
}

function parseLevel(text: string): LogLevel {
  const level = LOG_LEVELS[text.toLowerCase()];
  if (level !== undefined) return level;
  throw new InvalidArgumentError('expected critical, warning, info, debug or verboseDebug');
}
