import { setTimeout as pause } from 'node:timers/promises';
import { type Balancer, type BalancerOptions, NftError, startBalancer } from '@higgins/agent';
import { createLogger, type Logger, type LogLevel, onShutdown } from '@higgins/service';
import { type Command, Option } from 'commander';
import { CommandError, ExitCode } from '../../output.js';
import { DEFAULT_SOCKET } from './control.js';
import { loadSettings, optionsOf } from './settings.js';

/** Where a balancer keeps its state, unless told otherwise. */
export const DEFAULT_STATE = '/var/lib/higgins-lb';

interface RunFlags {
  readonly config?: string;
  readonly gateway: readonly string[];
  readonly endpoints?: string;
  readonly settings?: string;
  readonly state: string;
  readonly socket: string;
  readonly logLevel: LogLevel;
}

/** How often the kernel's first answer is looked for. */
const LOOK_MS = 10;
/** Times that a look takes between one and the next. */
const LOOK_PAUSES = 9;

/** `higgins lb run`: balances until SIGTERM, from a file or from the bus. */
export function addRunCommand(lb: Command): void {
  lb.command('run')
    .description('balance what a file, or the bus, asks for (needs CAP_NET_ADMIN and CAP_NET_RAW)')
    .option('-c, --config <file>', "YAML in Lobby's form, Gateway API documents, or the core form")
    .option('--gateway <org/gateway>', 'take the configuration of this gateway from the bus; repeatable', collect, [])
    .option('--endpoints <path>', 'EndpointSlices for Gateway API documents: a file or directory, which is followed')
    .option('--settings <file>', 'settings of the process: node, metrics, webhooks, bus, BIRD, check types (YAML)')
    .option('--state <directory>', 'seeds, health and last good state are kept here', DEFAULT_STATE)
    .option('--socket <path>', 'where status and commands are served', DEFAULT_SOCKET)
    .addOption(
      new Option('--log-level <level>', 'lines from this severity on')
        .choices(['debug', 'info', 'warn', 'error', 'silent'])
        .default('info'),
    )
    .addHelpText(
      'after',
      `
SIGHUP reads the configuration again. SIGTERM stops the program; what is in the kernel goes on balancing, and the next
start finds it there: higgins lb flush ends that.

Example:
  higgins lb validate examples/lb/core.yaml && sudo higgins lb run --config examples/lb/core.yaml`,
    )
    .action((flags: RunFlags) => run(flags));
}

async function run(flags: RunFlags): Promise<void> {
  const settings = loadSettings(flags.settings);
  const desired = desiredOf(flags);
  if (desired.kind === 'bus' && settings.bus === undefined) {
    throw new CommandError('--gateway needs relays: expected --settings with a bus', ExitCode.usage);
  }
  await runBalancer(
    {
      ...(await optionsOf(settings, flags.settings)),
      ...{ desired, stateDirectory: flags.state, controlSocket: flags.socket },
    },
    createLogger('balancer', flags.logLevel),
  );
}

/**
 * Runs a balancer until SIGTERM or SIGINT; SIGHUP reads the configuration again. Resolves once the kernel has the first
 * state, or the bus is waited for.
 *
 * @throws CommandError if the balancer can't work here; ConfigError
 */
export async function runBalancer(options: BalancerOptions, logger: Logger, interruptsUntilExit = 2): Promise<void> {
  const balancer = await started({ ...options, logger });
  const failed = (what: string) => (error: unknown) => logger.error({ reason: reasonOf(error) }, what);
  process.on('SIGHUP', () => {
    balancer.control
      .reload()
      .then(
        ({ revision, changed }) => logger.info({ revision, changed }, 'configuration read again'),
        failed('the configuration was not taken over; the one before is in force'),
      );
  });
  onShutdown(async () => balancer[Symbol.asyncDispose](), failed('shutdown failed'), interruptsUntilExit);
  try {
    if (options.desired.kind === 'file') await inForce(balancer);
  } catch (error) {
    await balancer[Symbol.asyncDispose]();
    throw new CommandError(reasonOf(error), ExitCode.failed, { cause: error });
  }
  const { node, services, warnings } = await balancer.control.status();
  for (const warning of warnings) logger.warn(warning);
  logger.info({ node, services: services.length, operations: balancer.operations }, 'balancing');
}

async function started(options: BalancerOptions): Promise<Balancer> {
  try {
    return await startBalancer(options);
  } catch (cause) {
    // A directory, an address or a right that can't be had; whatever is a fault of ours keeps its stack.
    const expected = cause instanceof NftError || (cause instanceof Error && cause.constructor === Error);
    throw expected ? new CommandError(cause.message, ExitCode.failed, { cause }) : cause;
  }
}

/** Resolves when the kernel has the first state; rejects if it does not take it. */
async function inForce({ control }: Balancer): Promise<void> {
  for (;;) {
    const startedMs = performance.now();
    const { kernel, configuration } = await control.status();
    if (kernel.failure !== null) throw new Error(kernel.failure.reason);
    if (configuration.refused !== null) throw new Error(configuration.refused.reason);
    if (kernel.phase === 'flushed' || (kernel.phase === 'in-force' && configuration.revision > 0)) return;
    // With many members a look takes its time, most of which is to be the start's.
    await pause(LOOK_MS + LOOK_PAUSES * (performance.now() - startedMs));
  }
}

function desiredOf({ config, gateway, endpoints }: RunFlags): BalancerOptions['desired'] {
  if ((config === undefined) === (gateway.length === 0)) {
    throw new CommandError('expected --config or --gateway, and not both', ExitCode.usage);
  }
  if (config === undefined && endpoints !== undefined) {
    throw new CommandError('--endpoints goes with --config', ExitCode.usage);
  }
  if (config !== undefined) return { kind: 'file', path: config, ...(endpoints === undefined ? {} : { endpoints }) };
  const gateways = gateway.map((text) => {
    const [org, name, ...rest] = text.split('/');
    if (!org || !name || rest.length > 0) {
      throw new CommandError(`--gateway "${text}": expected ORG/GATEWAY`, ExitCode.usage);
    }
    return { org, gateway: name };
  });
  return { kind: 'bus', gateways };
}

function collect(value: string, values: readonly string[]): readonly string[] {
  return [...values, value];
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
