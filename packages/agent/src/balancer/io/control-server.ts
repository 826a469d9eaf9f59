import { chmod } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { z } from 'zod';
import { closeServer, removeStaleSocket } from '../../io/local-server.js';
import { type BalancerControl, ControlError, type ControlErrorCode } from '../core/status.js';
import { CONTROL_CONNECTIONS_MAX, REQUEST_BYTES_MAX } from './limits.js';

/** Time that a client has for its request. */
const REQUEST_TIMEOUT_MS = 5_000;

const port = z.int().min(0).max(65_535);

const flowSchema = z.strictObject({
  protocol: z.enum(['tcp', 'udp', 'sctp']),
  sourceAddress: z.string(),
  sourcePort: port,
  destinationAddress: z.string(),
  destinationPort: port,
  interface: z.string().exactOptional(),
});

const selectorSchema = z.strictObject({
  owner: z.string().exactOptional(),
  loadBalancer: z.string().exactOptional(),
  pool: z.string().exactOptional(),
  member: z.string().min(1),
});

const drainSchema = z.strictObject({
  selector: selectorSchema,
  options: z.strictObject({ deadlineMs: z.number().min(0).max(86_400_000).nullable().exactOptional() }).default({}),
});

/** What can be asked for, by path: the request's schema and the answer. */
const CALLS: Readonly<Record<string, (control: BalancerControl, request: unknown) => Promise<unknown>>> = {
  '/status': (control) => control.status(),
  '/explain': (control, request) => control.explain(parse(flowSchema, request)),
  '/diff': (control, request) => {
    const { path } = parse(z.strictObject({ path: z.string().min(1).nullable() }), request);
    return path === null ? control.diff() : control.diffFile(path);
  },
  '/drain': (control, request) => {
    const { selector, options } = parse(drainSchema, request);
    return control.drain(selector, options);
  },
  '/undrain': (control, request) => control.undrain(parse(selectorSchema, request)),
  '/flush': (control) => control.flush(),
  '/reload': (control) => control.reload(),
};

const STATUSES: Readonly<Record<ControlErrorCode, number>> = {
  invalid: 400,
  'not-found': 404,
  refused: 409,
  failed: 500,
  unavailable: 503,
};

/**
 * Serves a balancer on a unix socket, for its owner and group: `POST` with a JSON body to the paths of `CALLS`, and
 * `GET /events`, one JSON document per line as things happen.
 *
 * @throws Error if another program serves the socket, or it can't be made
 */
export async function serveControl(path: string, control: BalancerControl): Promise<AsyncDisposable> {
  await removeStaleSocket(path);
  const server = createServer((request, response) => {
    respond(control, request, response).catch(() => response.destroy());
  });
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.headersTimeout = REQUEST_TIMEOUT_MS;
  server.maxConnections = CONTROL_CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(new Error(`local socket ${path}: ${cause.message}`, { cause })));
    server.listen(path, resolve);
  });
  await chmod(path, 0o660);
  return { [Symbol.asyncDispose]: () => closeServer(server) };
}

async function respond(control: BalancerControl, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method === 'GET' && request.url === '/events') {
    await sendEvents(control, response);
    return;
  }
  try {
    const call = Object.hasOwn(CALLS, request.url ?? '') ? CALLS[request.url ?? ''] : undefined;
    if (request.method !== 'POST' || call === undefined) throw new ControlError('not-found', 'no such request');
    send(response, 200, (await call(control, await bodyOf(request))) ?? null);
  } catch (error) {
    const { code, message } = error instanceof ControlError ? error : new ControlError('failed', String(error));
    send(response, STATUSES[code], { code, message });
  }
}

async function sendEvents(control: BalancerControl, response: ServerResponse): Promise<void> {
  const ended = new AbortController();
  response.once('close', () => ended.abort());
  const events = control.events(ended.signal);
  response.writeHead(200, { 'content-type': 'application/x-ndjson' }).flushHeaders();
  for await (const event of events) {
    // A reader that does not take what it is sent holds up only itself: its events wait, bounded, where they are made.
    if (!response.write(`${JSON.stringify(event)}\n`)) await drained(response, ended.signal);
  }
  response.end();
}

function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    response.once('drain', resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (signal.aborted) resolve();
  });
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > REQUEST_BYTES_MAX) throw new ControlError('invalid', `expected at most ${REQUEST_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  try {
    return bytes === 0 ? null : JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (cause) {
    throw new ControlError('invalid', 'expected JSON', { cause });
  }
}

function parse<Schema extends z.ZodType>(schema: Schema, request: unknown): z.output<Schema> {
  const { success, data, error } = schema.safeParse(request);
  if (success) return data;
  const problems = error.issues.map(({ path, message }) => `${path.join('.') || 'request'}: ${message}`);
  throw new ControlError('invalid', problems.join('; '));
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
