import type { Update } from '@higgins/client';
import { prefixTexts } from '@higgins/ipdata';
import { createLogger, onShutdown } from '@higgins/service';
import { applied, type NamedList, NameError, parsePath } from '@higgins/signals';
import type { Command } from 'commander';
import { type Bus, clientEventLog, openBus } from '../bus.js';
import { addTlsFlags, type ConnectionFlags } from '../connection-options.js';
import { listTrack } from '../lists/list-publisher.js';
import { CommandError, ExitCode, type OutputOptions, print } from '../output.js';
import { type Line, lineOf, people } from './subscribe-text.js';

interface SubscribeFlags extends ConnectionFlags, OutputOptions {
  readonly count?: string;
  readonly entries?: boolean;
}

/** `higgins subscribe`: prints a track's value and every change of it. */
export function addSubscribeCommand(program: Command): void {
  const command = program
    .command('subscribe')
    .description('print the value of a track and every change of it, until SIGTERM')
    .argument('<url>', 'relay, moqt://HOST:PORT or https://HOST:PORT/PATH')
    .argument(
      '<track>',
      'path of a list or of acknowledgements, such as org/acme/lists/blocked or platform/applied/pop/fra1',
    )
    .option('--count <n>', 'end after so many updates')
    .option('--entries', 'print the entries of a list, not only their number')
    .option('--json', 'print one JSON line per update');
  addTlsFlags(command)
    .addHelpText(
      'after',
      '\nExample:\n  higgins subscribe moqt://127.0.0.1:4443 org/acme/lists/github --tls-ca ca.pem --tls-cert c.pem --tls-key c.key',
    )
    .action(run);
}

async function run(url: string, path: string, flags: SubscribeFlags): Promise<void> {
  const log = createLogger('subscribe', 'warn');
  const count = flags.count === undefined ? Number.POSITIVE_INFINITY : Number(flags.count);
  if (!(count >= 1)) throw new CommandError(`--count "${flags.count}": expected a number from 1`, ExitCode.usage);
  const open = () => openBus({ ...flags, relays: [url], writerId: 'higgins-subscribe', onEvent: clientEventLog(log) });
  const lines = linesOf(path, flags);
  await using bus = await open();
  onShutdown(
    async () => bus[Symbol.asyncDispose](),
    (error) => log.error(error),
  );
  let printed = 0;
  for await (const line of lines(bus)) {
    print(flags, line, people);
    printed++;
    if (printed >= count) return;
  }
}

/** The updates of a path as lines; the path decides the signal. */
function linesOf(path: string, flags: SubscribeFlags): (bus: Bus) => AsyncIterable<Line> {
  const pop = acknowledgingPop(path);
  if (pop !== null) {
    return ({ client }) =>
      mapLines(client.subscribeMap(applied, pop), (update) => lineOf(path, update, Object.fromEntries));
  }
  const track = listTrack(path);
  const show = (list: NamedList) => listValue(list, flags.entries ?? false);
  return ({ client }) =>
    track.use((signal, params) => mapLines(client.subscribe(signal, params), (update) => lineOf(path, update, show)));
}

async function* mapLines<V>(
  updates: AsyncIterable<Update<V>>,
  toLine: (update: Update<V>) => Line,
): AsyncGenerator<Line> {
  for await (const update of updates) yield toLine(update);
}

function listValue(list: NamedList, withEntries: boolean) {
  const { ipv4, ipv6, asns, isps } = list.entries;
  const counts = { ipv4: ipv4.size, ipv6: ipv6.size, asns: asns.length, isps: isps.length };
  const { owner, version, createdWallMs, expiry } = list;
  const entries = withEntries ? { prefixes: [...prefixTexts(ipv4), ...prefixTexts(ipv6)], asns: [...asns], isps } : {};
  return { owner, version, createdWallMs, expiry, counts, ...entries };
}

function acknowledgingPop(path: string): { pop: string } | null {
  try {
    return applied.params(parsePath(path));
  } catch (cause) {
    if (cause instanceof NameError)
      throw new CommandError(`track "${path}": ${cause.message}`, ExitCode.usage, { cause });
    throw cause;
  }
}
