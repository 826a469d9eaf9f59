import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';

/** What an operations endpoint serves. */
export interface OperationsOptions {
  /** Loopback unless the operator says otherwise. Default `127.0.0.1`. */
  readonly host?: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly registry: Registry;
  /** Why the program is not ready yet, or null if it is. */
  readonly notReady: () => string | null;
  /** Further GET routes; the value is sent as JSON. */
  readonly routes?: Readonly<Record<string, () => unknown>>;
}

export interface OperationsServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
}

/** Time that an HTTP peer has for its request; nothing here is slow, so whoever takes longer is not a scraper. */
const REQUEST_TIMEOUT_MS = 5_000;
const CONNECTIONS_MAX = 64;

/**
 * Serves `/metrics` (Prometheus text), `/livez` (200 while the process turns) and `/readyz` (200, or 503 with the reason).
 *
 * @throws Error naming host and port if the address is in use or not allowed
 */
export async function serveOperations(options: OperationsOptions): Promise<OperationsServer> {
  const host = options.host ?? '127.0.0.1';
  const server = createServer((request, response) => {
    answer(options, request, response).catch((error: unknown) => {
      if (!response.headersSent) send(response, 500, 'text/plain', `${String(error)}\n`);
      else response.destroy();
    });
  });
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.headersTimeout = REQUEST_TIMEOUT_MS;
  server.maxConnections = CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(new Error(`operations endpoint ${host}:${options.port}: ${listenReason(cause)}`, { cause })),
    );
    server.listen(options.port, host, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error(`operations endpoint ${host}: no port`);
  return {
    host,
    port: address.port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(options: OperationsOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = new URL(request.url ?? '/', 'http://operations').pathname;
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return send(response, 405, 'text/plain', 'expected GET\n');
  }
  if (path === '/metrics') return send(response, 200, options.registry.contentType, await options.registry.metrics());
  if (path === '/livez') return send(response, 200, 'text/plain', 'alive\n');
  if (path === '/readyz') {
    const reason = options.notReady();
    return send(response, reason === null ? 200 : 503, 'text/plain', `${reason ?? 'ready'}\n`);
  }
  const route = options.routes !== undefined && Object.hasOwn(options.routes, path) ? options.routes[path] : undefined;
  if (route) return send(response, 200, 'application/json', `${JSON.stringify(route())}\n`);
  send(response, 404, 'text/plain', 'not found\n');
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.writeHead(status, { 'content-type': contentType, 'cache-control': 'no-store' }).end(body);
}

function listenReason(cause: NodeJS.ErrnoException): string {
  if (cause.code === 'EADDRINUSE') return 'the port is in use by another program';
  if (cause.code === 'EACCES') return 'not permitted: ports below 1024 need a privilege';
  if (cause.code === 'EADDRNOTAVAIL') return 'this machine has no such address';
  return cause.message;
}
