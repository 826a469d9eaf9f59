import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Call } from './protocol.js';
import type { RemoteServer } from './remote-server.js';

const ROOT = fileURLToPath(new URL('../../../../../', import.meta.url));
/** How the page finds what the sources import by name. */
const IMPORTS = {
  '@higgins/runtime': '/packages/runtime/src/index.js',
  '@higgins/transport': '/packages/transport/src/index.js',
  '@higgins/transport/compliance': '/packages/transport/src/compliance/index.js',
  '@higgins/transport/webtransport': '/packages/transport/src/webtransport/index.js',
};
const PAGE = `<!doctype html><title>compliance</title>
<script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script>
<script type="module" src="/packages/quic/src/testing/chromium/page.js"></script>`;

/** Serves the page, the sources that it is made of, and the calls of its `RemoteTransport`; on localhost. */
export async function servePage(remote: RemoteServer): Promise<{ server: Server; url: string }> {
  const server = createServer((request, response) => {
    answer(remote, request, response).catch((error: unknown) => {
      response.writeHead(500).end(error instanceof Error ? error.message : String(error));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, url: `http://localhost:${(server.address() as AddressInfo).port}/` };
}

async function answer(remote: RemoteServer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path = '/', query = ''] = (request.url ?? '/').split('?');
  if (path === '/call') {
    const bytes = await bodyOf(request);
    const result = await remote.call(JSON.parse(decodeURIComponent(query)) as Call, bytes);
    response.writeHead(200).end(JSON.stringify(result ?? null));
  } else if (path === '/events') {
    response.writeHead(200).end(JSON.stringify(await remote.events()));
  } else if (/^\/packages\/(runtime|transport|quic)\/src\/[\w/-]+\.js$/.test(path)) {
    const source = readFileSync(`${ROOT}${path.slice(1, -3)}.ts`, 'utf8');
    response.writeHead(200, { 'content-type': 'text/javascript' }).end(stripTypeScriptTypes(source));
  } else if (path === '/') {
    response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE);
  } else {
    response.writeHead(404).end();
  }
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
