import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { type ComplianceCase, type ComplianceIdentities, complianceCases } from '@higgins/transport/compliance';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashOf, makeAuthority } from './testing/certificates.js';
import { chromiumPath, TestBrowser } from './testing/chromium/browser.js';
import { CHROMIUM_CAPABILITIES } from './testing/chromium/capabilities.js';
import { servePage } from './testing/chromium/page-server.js';
import type { PageSettings } from './testing/chromium/protocol.js';
import { RemoteServer } from './testing/chromium/remote-server.js';

const reason = chromiumPath === null ? ' (skipped: chromium is not installed)' : '';

describe.skipIf(chromiumPath === null)(`check 2, BUS-69: Chromium’s own WebTransport complies${reason}`, () => {
  const remote = new RemoteServer();
  let browser: TestBrowser;
  let http: Server;
  let page: Page;
  let settings: PageSettings;

  beforeAll(async () => {
    const { server, url } = await servePage(remote);
    http = server;
    settings = await makeSettings();
    browser = await TestBrowser.launch();
    page = await browser.newPage();
    await page.goto(url);
    await page.waitForFunction('globalThis.runCase !== undefined');
  }, 60_000);

  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await remote.close();
    http?.closeAllConnections();
    http?.close();
  }, 60_000);

  for (const one of complianceCases) {
    const missing = missingFor(one);
    const why = missing.length === 0 ? '' : ` (skipped: Chromium has no ${missing.join(', ')})`;
    it.skipIf(missing.length > 0)(`${one.name}${why}`, async () => {
      await remote.restart();
      expect(await page.evaluate(runInPage, { name: one.name, settings })).toBeNull();
    });
  }
});

function missingFor({ requires }: ComplianceCase): string[] {
  return requires.filter((what) => !CHROMIUM_CAPABILITIES[what]);
}

async function makeSettings(): Promise<PageSettings> {
  const [ours, theirs] = [await makeAuthority('ours'), await makeAuthority('theirs')];
  const server = await ours.issue('server');
  const identities: ComplianceIdentities = {
    server,
    serverRenewed: await ours.issue('server'),
    authoritiesPem: ours.certificatePem,
    otherAuthoritiesPem: theirs.certificatePem,
    client: await ours.issue('agent'),
    clientExpired: await ours.issue('agent', -1),
    clientUnknown: await theirs.issue('agent'),
  };
  return { identities, hash: [...hashOf(server)], deadPort: await freePort() };
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

/** Runs in the page. */
function runInPage({ name, settings }: { name: string; settings: PageSettings }): Promise<string | null> {
  type Run = (name: string, settings: PageSettings) => Promise<string | null>;
  return (globalThis as unknown as { runCase: Run }).runCase(name, settings);
}
