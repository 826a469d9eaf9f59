import { mkdir, open, rm } from 'node:fs/promises';
import { createConnection, createServer, type Server } from 'node:net';
import { reasonOf } from '../reason.js';

/** Beside the state itself; a socket, which no reader of state takes for a file of its own. */
const SOCKET_NAME = 'agent.lock';

/**
 * Claims a state directory, which is made if need be, and a table of this network namespace until it is disposed or the
 * process ends, however it ends: the kernel keeps the claims, as sockets that are listened on. What a killed agent left
 * in the directory is taken over.
 *
 * @throws Error if another agent holds one of them, or the directory can't be written to
 */
export async function claimExclusively(stateDirectory: string, table: string): Promise<AsyncDisposable> {
  await using claims = new AsyncDisposableStack();
  // The table first: agents that are started together in one namespace do not meet at a socket file that is left over.
  claims.use(await claimTable(table));
  claims.use(await claimDirectory(stateDirectory));
  return claims.move();
}

/** An abstract socket: it belongs to the network namespace, as the table does, and leaves nothing behind. */
async function claimTable(table: string): Promise<AsyncDisposable> {
  return await listen(`\0higgins-agent/inet/${table}`, (cause) => {
    const taken = cause.code === 'EADDRINUSE';
    return `nft table inet ${table}: ${taken ? 'another agent of this network namespace enforces it' : cause.message}`;
  });
}

/** A socket file: directories are shared between network namespaces. */
async function claimDirectory(directory: string): Promise<AsyncDisposable> {
  const refusal = (reason: string) => `state directory ${directory}: ${reason}`;
  await using resources = new AsyncDisposableStack();
  const handle = resources.use(await openDirectory(directory, refusal));
  // Through the descriptor, because the path of a socket may have 107 bytes only.
  const path = `/proc/self/fd/${handle.fd}/${SOCKET_NAME}`;
  if (await answers(path)) throw new Error(refusal('another agent uses it'));
  await rm(path, { force: true });
  resources.use(
    await listen(path, (cause) => refusal(cause.code === 'EADDRINUSE' ? 'another agent uses it' : cause.message)),
  );
  return resources.move();
}

async function openDirectory(directory: string, refusal: (reason: string) => string) {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return await open(directory);
  } catch (cause) {
    throw new Error(refusal(reasonOf(cause)), { cause });
  }
}

async function listen(path: string, refusal: (cause: NodeJS.ErrnoException) => string): Promise<AsyncDisposable> {
  const server = createServer((connection) => connection.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(new Error(refusal(cause), { cause })));
    server.listen(path, resolve);
  });
  server.unref();
  return { [Symbol.asyncDispose]: () => close(server) };
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection(path, () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}

async function close(server: Server): Promise<void> {
  await new Promise((resolve) => server.close(resolve));
}
