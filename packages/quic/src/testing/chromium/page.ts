import type { Connection, ConnectOptions, Transport } from '@higgins/transport';
import { type ComplianceHarness, complianceCases } from '@higgins/transport/compliance';
import { WebTransportTransport } from '@higgins/transport/webtransport';
import { CHROMIUM_CAPABILITIES } from './capabilities.js';
import type { PageSettings } from './protocol.js';
import { RemoteTransport } from './remote-transport.js';

/** What any wait may take on a loaded machine. */
const BOUND_MS = 20_000;

/** Runs one case in the page; resolves with what was wrong, or null. */
export async function runCase(name: string, settings: PageSettings): Promise<string | null> {
  const one = complianceCases.find((candidate) => candidate.name === name);
  if (one === undefined) return `there is no case "${name}"`;
  const client = new WebTransportTransport();
  const server = new RemoteTransport();
  const following = server.follow();
  try {
    await one.run(harnessOf(settings, client, server));
    return null;
  } catch (error) {
    return error instanceof Error ? `${error.message}\n${error.stack}` : String(error);
  } finally {
    await client.close();
    await server.close();
    await following;
  }
}

function harnessOf(settings: PageSettings, client: WebTransportTransport, server: RemoteTransport): ComplianceHarness {
  return {
    capabilities: CHROMIUM_CAPABILITIES,
    identities: settings.identities,
    host: '127.0.0.1',
    protocols: ['moqt-18'],
    client: pinning(client, settings),
    server,
    url: (listener) => `https://127.0.0.1:${listener.port}`,
    deadUrl: () => `https://127.0.0.1:${settings.deadPort}`,
    abortable() {
      const controller = new AbortController();
      return { signal: controller.signal, abort: () => controller.abort() };
    },
    // What has happened at the server is known by the time that the case goes on.
    async waitFor(condition, what) {
      await waitFor(condition, what);
      while ((await server.behind()) > 0) await turn();
    },
    settle: (promise) => Promise.race([promise, late('a promise settles')]),
    silence() {
      throw new Error('the server is not silenced from a page');
    },
  };
}

/** A browser has no authorities to be told: the server's certificate is pinned where the case trusts its authority. */
function pinning(transport: Transport, { identities, hash }: PageSettings): Transport {
  const trusted = [Uint8Array.from(hash)];
  return {
    listen: (options) => transport.listen(options),
    receiverSet: (events) => transport.receiverSet(events),
    close: () => transport.close(),
    connect({ authoritiesPem, ...options }: ConnectOptions): Promise<Connection> {
      const certificateHashes = authoritiesPem === identities.authoritiesPem ? trusted : [];
      return transport.connect({ ...options, certificateHashes });
    },
  };
}

async function waitFor(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + BOUND_MS;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`in vain: ${what}`);
    await turn();
  }
}

function late(what: string): Promise<never> {
  return new Promise((_, reject) => setTimeout(() => reject(new Error(`in vain: ${what}`)), BOUND_MS));
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

Object.assign(globalThis, { runCase });
