import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { PublishError } from '@higgins/client';
import { createLogger, type Logger, onShutdown } from '@higgins/service';
import { countEntries, type ExpiryMode } from '@higgins/signals';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { clientEventLog, openBus } from '../bus.js';
import { addTlsFlags, type ConnectionFlags } from '../connection-options.js';
import { parseDurationMs } from '../duration.js';
import { readListFiles } from '../lists/list-files.js';
import { ListPublisher, listTrack } from '../lists/list-publisher.js';
import { watchFiles } from '../lists/watch-files.js';
import { CommandError, ExitCode, type OutputOptions, print } from '../output.js';
import { collect } from './certs.js';

interface PublishFlags extends ConnectionFlags, OutputOptions {
  readonly file: readonly string[];
  readonly relay: readonly string[];
  readonly ttl?: string;
  readonly onExpiry: ExpiryMode;
  readonly state: string;
  readonly writer?: string;
}

/** `higgins publish`: publishes a named list from files, renews it, and commits a new version whenever a file changes. */
export function addPublishCommand(program: Command): void {
  const command = program
    .command('publish')
    .description('publish a named list from files and renew it until SIGTERM; a changed file is a new version')
    .argument('<track>', 'org/{org}/lists/{list} or platform/lists/{list}')
    .requiredOption('--file <file>', 'entries, one per line; several files make one list', collect, [])
    .requiredOption(
      '--relay <url>',
      'relay, moqt://HOST:PORT or https://HOST:PORT/PATH; repeatable, in order of preference',
      collect,
      [],
    )
    .option(
      '--ttl <duration>',
      'how long edges enforce the list without hearing of it, such as 60s or 24h (default 24h)',
    )
    .addOption(
      new Option('--on-expiry <mode>', 'what edges do when the time is up')
        .choices(['open', 'closed', 'hold', 'unset'])
        .default('unset'),
    )
    .option('--state <directory>', 'journal and epochs; one publisher per directory', 'higgins-publisher')
    .option(
      '--writer <id>',
      'identifies this publisher (default: made of the host and the state directory)',
      parseWriter,
    )
    .option('--json', 'print one JSON line per commit');
  addTlsFlags(command)
    .addHelpText(
      'after',
      `
A list that breaks a rule is refused with file, line and expectation, and the last good version stays published.

Example:
  higgins publish org/acme/lists/github --relay moqt://127.0.0.1:4443 --tls-ca ca.pem \\
    --tls-cert publisher.pem --tls-key publisher.key --file github-ipv4.txt --file github-ipv6.txt --ttl 10m --on-expiry open`,
    )
    .action(run);
}

async function run(path: string, flags: PublishFlags): Promise<void> {
  const track = listTrack(path);
  const ttlMs = flags.ttl === undefined ? undefined : parseDurationMs(flags.ttl, '--ttl');
  // Wrong files are told before anything is opened or connected.
  readListFiles(flags.file);
  const log = createLogger('publish');
  const { relay: relays, state: stateDirectory } = flags;
  const writerId = flags.writer ?? defaultWriter(stateDirectory);
  const bus = await openBus({
    ...flags,
    relays,
    writerId,
    stateDirectory,
    onEvent: clientEventLog(log),
  });
  const lists = new ListPublisher(bus.client, track, ttlMs);
  // Watched from before the first read, so that no change falls between the two.
  const changes = new FileChanges(flags.file, () => commitFiles(path, flags, lists), log);
  try {
    await changes.commit();
  } catch (error) {
    changes[Symbol.dispose]();
    await bus[Symbol.asyncDispose]();
    throw asCommandError(error);
  }
  onShutdown(
    async () => {
      changes[Symbol.dispose]();
      await bus[Symbol.asyncDispose]();
    },
    (error) => log.error(error),
  );
}

async function commitFiles(track: string, flags: PublishFlags, lists: ListPublisher): Promise<void> {
  const entries = readListFiles(flags.file);
  const committed = await lists.commit(entries, flags.onExpiry);
  const event = committed ? 'committed' : 'unchanged';
  const record = { event, track, version: lists.newest?.version ?? 0, entries: countEntries(entries), ...committed };
  print(flags, record, ({ version }) => `${track}: version ${version}, ${record.entries} entries, ${event}`);
}

/** Commits when files change or SIGHUP comes, one after the other; a refused change is logged and the last good version stays. */
class FileChanges implements Disposable {
  readonly #commit: () => Promise<void>;
  readonly #watcher: Disposable;
  #queue: Promise<void> = Promise.resolve();

  constructor(files: readonly string[], commit: () => Promise<void>, log: Logger) {
    this.#commit = commit;
    const changed = () => {
      this.commit().catch((error: unknown) => log.error(`refused: ${asCommandError(error).message}`));
    };
    this.#watcher = watchFiles(files, changed);
    process.on('SIGHUP', changed);
  }

  /** Commits what the files hold once everything before is done. */
  commit(): Promise<void> {
    const committed = this.#queue.then(this.#commit);
    this.#queue = committed.catch(() => {});
    return committed;
  }

  [Symbol.dispose](): void {
    this.#watcher[Symbol.dispose]();
  }
}

function asCommandError(error: unknown): Error {
  if (error instanceof PublishError) return new CommandError(error.message, ExitCode.usage, { cause: error });
  return error instanceof Error ? error : new Error(String(error));
}

/** Different for every publisher, since consumers compare the clocks behind what one writer sends. */
function defaultWriter(stateDirectory: string): string {
  const place = createHash('sha256').update(resolve(stateDirectory)).digest('hex').slice(0, 8);
  return `publish-${hostname()
    .replace(/[^A-Za-z0-9._-]/g, '_')
    .slice(0, 63)}-${place}`;
}

function parseWriter(text: string): string {
  if (/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/.test(text)) return text;
  throw new InvalidArgumentError('expected up to 128 letters, digits, dots, hyphens and underscores');
}
