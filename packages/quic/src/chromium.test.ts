import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CloseInfo, Connection } from '@higgins/transport';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { QuicTransport } from './quic-transport.js';
import { hashOf } from './testing/certificates.js';
import { chromiumPath, TestBrowser } from './testing/chromium/browser.js';
import { listenTo, serve, testAuthority } from './testing/pair.js';
import { waitFor } from './testing/waiting.js';

const reason = chromiumPath === null ? ' (skipped: chromium is not installed)' : '';

describe.skipIf(chromiumPath === null)(`Chromium${reason}`, () => {
  const page = createServer((_, response) => response.end('<!doctype html><title>test</title>'));
  const server = new QuicTransport();
  let browser: TestBrowser;

  beforeAll(async () => {
    await new Promise<void>((resolve) => page.listen(0, '127.0.0.1', resolve));
    browser = await TestBrowser.launch();
  }, 60_000);

  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await server.close();
    page.close();
  }, 60_000);

  it('connects by serverCertificateHashes, echoes streams and datagrams, and closes with a code', async () => {
    const identity = await (await testAuthority()).issue('server');
    const accepted: Connection[] = [];
    const closes: CloseInfo[] = [];
    const { listener } = await serve(server, {
      identity,
      accept: (connection) => {
        accepted.push(connection);
        listenTo(connection, {
          data: (stream, bytes, fin) => connection.write(stream, bytes.slice(), fin),
          datagram: (bytes) => connection.datagram(bytes.slice()),
          closed: (info) => closes.push(info),
        });
      },
    });
    const tab = await browser.newPage();
    await tab.goto(`http://localhost:${(page.address() as AddressInfo).port}/`);
    const argument = { url: `https://127.0.0.1:${listener.port}/relay?a=b`, hash: [...hashOf(identity)] };
    const echoed = await tab.evaluate(visit, argument);
    expect(echoed).toEqual({ streams: 5 * 20_000, datagram: 3, protocol: 'moqt-18' });
    expect(accepted.map(({ peer }) => [peer.kind, peer.protocol, peer.path, peer.certificate])).toEqual([
      ['webtransport', 'moqt-18', '/relay?a=b', null],
    ]);
    await waitFor(() => closes.length === 1, 'the server hears of the close');
    expect(closes).toEqual([{ code: 7, reason: 'seen enough', remote: true }]);
  });
});

interface BrowserSession {
  readonly ready: Promise<void>;
  readonly closed: Promise<unknown>;
  readonly protocol: string;
  readonly datagrams: Duplex;
  createBidirectionalStream(): Promise<Duplex>;
  close(info: { closeCode: number; reason: string }): void;
}

interface Duplex {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

/** Runs in the page. */
async function visit({ url, hash }: { url: string; hash: number[] }) {
  type Constructor = new (url: string, options: object) => BrowserSession;
  const { WebTransport } = globalThis as unknown as { WebTransport: Constructor };
  const session = new WebTransport(url, {
    protocols: ['unheard-of', 'moqt-18'],
    serverCertificateHashes: [{ algorithm: 'sha-256', value: new Uint8Array(hash) }],
  });
  await session.ready;
  let streams = 0;
  for (let round = 0; round < 5; round += 1) {
    const stream = await session.createBidirectionalStream();
    const writer = stream.writable.getWriter();
    await writer.write(new Uint8Array(20_000).fill(round));
    await writer.close();
    for await (const part of stream.readable) streams += part.length;
  }
  const [writer, reader] = [session.datagrams.writable.getWriter(), session.datagrams.readable.getReader()];
  await writer.write(new Uint8Array(3));
  const datagram = (await reader.read()).value?.length;
  session.close({ closeCode: 7, reason: 'seen enough' });
  await session.closed;
  return { streams, datagram, protocol: session.protocol };
}
