import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, type StoredValue } from '@higgins/client';
import { QuicTransport } from '@higgins/quic';
import { NodeRuntime } from '@higgins/runtime/node';
import { type NamedList, organisationList, parseListEntries } from '@higgins/signals';
import type { TestIdentity } from './identity.js';

/** Opens a client of the SDK towards one relay, with a folder of its own; `resources` ends it. */
export async function openClient(
  resources: AsyncDisposableStack,
  identity: TestIdentity,
  url: string,
  writerId: string,
): Promise<Client> {
  const directory = mkdtempSync(join(tmpdir(), 'higgins-interop-'));
  resources.defer(() => rmSync(directory, { recursive: true, force: true }));
  const runtime = resources.use(new NodeRuntime({ directory }));
  const transport = new QuicTransport();
  resources.defer(() => transport.close());
  const relays = [{ url, authoritiesPem: identity.authoritiesPem, identity: identity.client }];
  return resources.use(await Client.open({ runtime, transport, relays, writerId }));
}

/** A list with one entry that tells its version. */
export function listOf(version: number): NamedList {
  return {
    ...{ owner: 'acme', version, createdWallMs: null, expiry: 'closed' },
    entries: parseListEntries([`192.0.2.${version}`]),
  };
}

/** Follows a list until it holds the version; resolves to what is stored then. */
export async function versionOf(client: Client, list: string, version: number): Promise<StoredValue<NamedList>> {
  for await (const { current } of client.subscribe(organisationList, { org: 'acme', list })) {
    if (current?.version === version) return current;
  }
  throw new Error(`the subscription ended before version ${version}`);
}
