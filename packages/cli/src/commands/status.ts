import { type Applied, applied } from '@higgins/signals';
import type { Command } from 'commander';
import { type Bus, openBus } from '../bus.js';
import { addTlsFlags, type ConnectionFlags } from '../connection-options.js';
import { formatDuration, parseDurationMs } from '../duration.js';
import { listsOfAgent } from '../local-state.js';
import { CommandError, ExitCode, type OutputOptions, print, table } from '../output.js';
import { collect } from './certs.js';

interface StatusFlags extends ConnectionFlags, OutputOptions {
  readonly socket?: string;
  readonly pop: readonly string[];
  readonly relay: readonly string[];
  readonly timeout: string;
}

/** One row of a PoP's acknowledgements. */
interface AppliedRow extends Applied {
  readonly pop: string;
  readonly track: string;
  readonly freshness: string;
}

/** `higgins status`: what is enforced, from an agent's socket or from the acknowledgements on the bus. */
export function addStatusCommand(program: Command): void {
  const command = program
    .command('status')
    .description('what is enforced: of the agent on this machine, or of PoPs as they acknowledged it')
    .option('--socket <path>', 'local socket of an agent')
    .option('--pop <pop>', 'PoP to ask the bus about; repeatable', collect, [])
    .option('--relay <url>', 'relay to ask; repeatable, in order of preference', collect, [])
    .option('--timeout <duration>', 'how long to wait for the bus', '5s')
    .option('--json', 'print one JSON line');
  addTlsFlags(command)
    .addHelpText('after', '\nExits with 1 if anything is refused or expired, with 3 if nobody answered.')
    .action((flags: StatusFlags) => (flags.socket === undefined ? showPops(flags) : showAgent(flags.socket, flags)));
}

async function showAgent(socket: string, flags: StatusFlags): Promise<void> {
  const lists = await listsOfAgent(socket).catch((cause: unknown) => {
    throw new CommandError(`agent at ${socket}: ${String(cause)}`, ExitCode.unreachable, { cause });
  });
  if (lists.some(({ phase }) => phase !== 'enforced')) process.exitCode = ExitCode.failed;
  const header = [
    'track',
    'phase',
    'version',
    'entries',
    'freshness',
    'condition',
    'remaining',
    'on expiry',
    'failure',
  ];
  print(flags, lists, () =>
    table(
      header,
      lists.map((list) => [
        ...[list.track, list.phase, list.version ?? '-', list.entries ?? '-'],
        ...[list.freshness ?? '-', list.condition ?? '-'],
        ...[list.remainingMs === null ? '-' : formatDuration(list.remainingMs), list.onExpiry ?? '-'],
        list.failure?.reason ?? '',
      ]),
    ),
  );
}

async function showPops(flags: StatusFlags): Promise<void> {
  if (flags.pop.length === 0 || flags.relay.length === 0) {
    throw new CommandError('expected --socket, or --pop with --relay', ExitCode.usage);
  }
  const timeoutMs = parseDurationMs(flags.timeout, '--timeout');
  await using bus = await openBus({ ...flags, relays: flags.relay, writerId: 'higgins-status' });
  const rows = (await Promise.all(flags.pop.map((pop) => rowsOf(bus, pop, timeoutMs)))).flat();
  if (!rows.every(holds)) process.exitCode = ExitCode.failed;
  const header = ['PoP', 'track', 'result', 'version', 'entries', 'since', 'freshness', 'reason'];
  print(flags, rows, () => table(header, rows.map(cellsOf)));
}

/** Whether a list is in force as far as anybody knows: what a PoP said too long ago is no news of it. */
export function holds({ result, freshness }: Pick<AppliedRow, 'result' | 'freshness'>): boolean {
  return result === 'applied' && freshness !== 'expired';
}

async function rowsOf({ client }: Bus, pop: string, timeoutMs: number): Promise<AppliedRow[]> {
  const signal = AbortSignal.timeout(timeoutMs);
  const subscription = client.subscribeMap(applied, { pop }, { signal });
  for await (const { current } of subscription) {
    if (!current?.value) continue;
    return [...current.value].map(([track, value]) => ({ pop, track, freshness: current.freshness, ...value }));
  }
  const connection = client.connected ? 'it has acknowledged nothing' : 'no relay could be reached';
  throw new CommandError(
    `PoP ${pop}: no answer within ${formatDuration(timeoutMs)}: ${connection}`,
    ExitCode.unreachable,
  );
}

function cellsOf(row: AppliedRow): (string | number)[] {
  const since = new Date(row.appliedWallMs).toISOString();
  return [
    row.pop,
    row.track,
    row.result,
    row.version ?? '-',
    row.entries ?? '-',
    since,
    row.freshness,
    row.reason ?? '',
  ];
}
