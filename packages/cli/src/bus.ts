import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, type ClientEvent, type RelayAddress } from '@higgins/client';
import { QuicTransport } from '@higgins/quic';
import { NodeRuntime } from '@higgins/runtime/node';
import type { Logger } from '@higgins/service';
import { formatNamespace, formatPath } from '@higgins/signals';
import { type ConnectionFlags, readTls } from './connection-options.js';

/** A client with what it stands on; disposing it closes everything. */
export interface Bus extends AsyncDisposable {
  readonly client: Client;
}

export interface BusOptions extends ConnectionFlags {
  /** In order of preference. */
  readonly relays: readonly string[];
  readonly writerId: string;
  /** Where journal and epochs are kept; absent: nothing is kept, for commands that only read. */
  readonly stateDirectory?: string;
  onEvent?(event: ClientEvent): void;
}

/**
 * Opens a client on real QUIC. It connects in the background.
 *
 * @throws CommandError (usage) for wrong TLS flags
 */
export async function openBus(options: BusOptions): Promise<Bus> {
  const { relays, writerId, stateDirectory } = options;
  const tls = readTls(options);
  await using resources = new AsyncDisposableStack();
  const runtime = resources.use(new NodeRuntime({ directory: stateDirectory ?? temporaryDirectory(resources) }));
  const transport = new QuicTransport();
  resources.defer(() => transport.close());
  const addresses: RelayAddress[] = relays.map((url) => ({ url, ...tls }));
  const client = resources.use(
    await Client.open({
      ...{ runtime, transport, relays: addresses, writerId },
      persistent: stateDirectory !== undefined,
      onEvent: (event) => options.onEvent?.(event),
    }),
  );
  const owned = resources.move();
  return { client, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function temporaryDirectory(resources: AsyncDisposableStack): string {
  const directory = mkdtempSync(join(tmpdir(), 'higgins-'));
  resources.defer(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/**
 * Takes a client's events and writes them to a log: trouble as warnings, the rest as information. Trouble that repeats
 * itself, as a relay that stays away does, is written once until something else happens.
 */
export function clientEventLog(log: Logger): (event: ClientEvent) => void {
  let last = '';
  return (event) => {
    const { kind, ...details } = event;
    const record: Record<string, unknown> = { ...details };
    if ('name' in event) record['name'] = undefined;
    if ('name' in event) record['track'] = formatPath(event.name);
    if ('namespace' in event) record['namespace'] = formatNamespace(event.namespace);
    const trouble = /failed|refused|gap|disconnected/.test(kind);
    const text = JSON.stringify({ kind, ...record });
    if (trouble && text === last) return;
    if (trouble) last = text;
    log[trouble ? 'warn' : 'info'](record, kind.replaceAll('-', ' '));
  };
}
