import { rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createConnection } from 'node:net';
import { AddressError } from '@higgins/ipdata';
import { LOCAL_CONNECTIONS_MAX } from '../limits.js';
import { reasonOf } from '../reason.js';
import type { ListReport } from './list-report.js';

/** What the local socket serves. */
export interface LocalState {
  lists(): readonly ListReport[];
  /** Null if the agent has no such list. Throws AddressError if `address` is none. */
  match(track: string, address: string): ListMatch | null;
}

/** The answer to "is this address on that list?", with what the caller needs to judge it. */
export interface ListMatch {
  readonly track: string;
  readonly address: string;
  /** Null if there is no value in force: none came yet, or its time is up and it is not held. */
  readonly listed: boolean | null;
  readonly list: ListReport;
}

/** Time that a local client has for its request. */
const REQUEST_TIMEOUT_MS = 2_000;

/**
 * Serves local state over HTTP on a unix socket: `GET /lists`, `GET /lists/{track}`, and
 * `GET /lists/{track}/match?ip=ADDRESS`. Readable by the socket's owner and group.
 *
 * @throws Error if another agent serves the socket, or it can't be made
 */
export async function serveLocalState(path: string, state: LocalState): Promise<AsyncDisposable> {
  await removeStaleSocket(path);
  const server = createServer((request, response) => respond(state, request, response));
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.headersTimeout = REQUEST_TIMEOUT_MS;
  server.maxConnections = LOCAL_CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(new Error(`local socket ${path}: ${cause.message}`, { cause })));
    server.listen(path, resolve);
  });
  await chmod(path, 0o660);
  return { [Symbol.asyncDispose]: () => closeServer(server) };
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

function respond(state: LocalState, request: IncomingMessage, response: ServerResponse): void {
  const { status, body } = answer(state, request);
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}

function answer(state: LocalState, request: IncomingMessage): Answer {
  if (request.method !== 'GET') return refusal(405, 'expected GET');
  const url = URL.parse(request.url ?? '/', 'http://local');
  if (url?.pathname === '/lists') return { status: 200, body: { lists: state.lists() } };
  if (!url?.pathname.startsWith('/lists/')) return refusal(404, 'not found');
  const rest = url.pathname.slice('/lists/'.length);
  if (rest.endsWith('/match')) return match(state, rest.slice(0, -'/match'.length), url.searchParams.get('ip'));
  const list = state.lists().find(({ track }) => track === rest);
  return list ? { status: 200, body: list } : refusal(404, `no list ${rest}`);
}

function match(state: LocalState, track: string, address: string | null): Answer {
  if (address === null) return refusal(400, 'expected ?ip=ADDRESS');
  try {
    const found = state.match(track, address);
    return found ? { status: 200, body: found } : refusal(404, `no list ${track}`);
  } catch (error) {
    return error instanceof AddressError ? refusal(400, `ip: ${error.message}`) : refusal(500, String(error));
  }
}

function refusal(status: number, error: string): Answer {
  return { status, body: { error } };
}

/**
 * Makes way for a socket: its file outlives a killed agent. One that somebody answers on is left alone.
 *
 * @throws Error if somebody does
 */
export async function removeStaleSocket(path: string): Promise<void> {
  const answered = await new Promise<boolean>((resolve) => {
    const probe = createConnection(path, () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
  if (answered) throw new Error(`local socket ${path}: another program serves it`);
  try {
    rmSync(path, { force: true });
  } catch (cause) {
    throw new Error(`local socket ${path}: ${reasonOf(cause)}`, { cause });
  }
}

/** Closes a server together with its connections. */
export async function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
