import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer as createTcp, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { VirtualMachine, type VirtualRuntime, VirtualWorld } from '@higgins/runtime';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { until } from '../../../../../test/support/until.js';
import { makeAuthority } from '../../../../quic/src/testing/certificates.js';
import type { Resolver } from '../core/contract.js';
import type { BalancerEvent } from '../core/events.js';
import { webhookSchema } from './webhook-config.js';
import { Webhooks, type WebhooksOptions } from './webhooks.js';

const POOL = { owner: 'local', loadBalancer: 'lobby', pool: 'web', family: 4 } as const;
const DOWN: BalancerEvent = {
  atWallMs: 1_780_272_000_000,
  severity: 'warning',
  kind: 'member',
  ...POOL,
  member: 'web1',
  address: '10.0.0.1',
  port: 80,
  from: 'active',
  to: 'ejected',
  reason: 'active-check-failure: connection refused',
  restoreAtWallMs: null,
};
const EMPTY: BalancerEvent = { ...POOL, atWallMs: 1, severity: 'critical', kind: 'pool', from: 'normal', to: 'reject' };

let stack: AsyncDisposableStack;
let world: VirtualWorld;
let runtime: VirtualRuntime;
let notices: string[];

beforeEach(() => {
  stack = new AsyncDisposableStack();
  world = new VirtualWorld({ seed: 1 });
  runtime = new VirtualMachine(world, { name: 'node', uptimeMs: 0 }).start();
  notices = [];
});

afterEach(() => stack.disposeAsync());

it('LOB-62: posts every event as JSON with its particulars and the configured headers', async () => {
  const receiver = await Receiver.start(stack);
  const webhooks = open([{ url: `${receiver.url}/hook?x=1`, headers: { Authorization: 'Bearer secret' } }]);
  webhooks.notify(DOWN);
  webhooks.notify(EMPTY);
  await until(() => receiver.bodies.length === 2);
  expect(receiver.bodies).toEqual([
    {
      id: `fra1/${world.startWallMs}/0`,
      node: 'fra1',
      at: '2026-06-01T00:00:00.000Z',
      severity: 'warning',
      kind: 'member',
      text:
        'member web1 of pool local/lobby/web (IPv4) at 10.0.0.1:80 turned from active to ejected: ' +
        'active-check-failure: connection refused',
      lost: 0,
      event: DOWN,
    },
    expect.objectContaining({
      text: 'pool local/lobby/web (IPv4) turned from normal service to refusing traffic, since no member is left',
      event: EMPTY,
    }),
  ]);
  expect(receiver.requests[0]).toMatchObject({
    method: 'POST',
    url: '/hook?x=1',
    headers: { 'content-type': 'application/json', authorization: 'Bearer secret', connection: 'close' },
  });
  await until(() => webhooks.status[0]!.delivered === 2);
});

it('sends a receiver the kinds and severities that it asked for', async () => {
  const receiver = await Receiver.start(stack);
  const webhooks = open([
    { name: 'kinds', url: `${receiver.url}/kinds`, kinds: ['pool', 'name-stale'] },
    { name: 'severity', url: `${receiver.url}/severity`, severity: 'critical' },
  ]);
  const stale = { kind: 'name-stale', host: 'a.example', reason: 'x', kept: [] } as const;
  for (const event of [DOWN, EMPTY, { atWallMs: 1, severity: 'warning', ...stale } as const]) webhooks.notify(event);
  await until(() => receiver.bodies.length === 3);
  expect(receiver.requests.map(({ url }) => url).sort()).toEqual(['/kinds', '/kinds', '/severity']);
});

it('LOB-62: a receiver that hangs or is down does not delay the others', async () => {
  const hung = await hungServer();
  const alive = await Receiver.start(stack);
  const webhooks = open([
    { name: 'hung', url: hung.url },
    { name: 'down', url: `http://127.0.0.1:${await freePort()}` },
    { name: 'alive', url: alive.url },
  ]);
  for (let count = 0; count < 20; count++) webhooks.notify(EMPTY);
  await until(() => webhooks.status[2]!.delivered === 20 && hung.sockets.length === 1);
  expect(webhooks.status[0]).toMatchObject({ delivered: 0, waiting: 19 });
  await until(() => notices.length > 0);
  expect(notices).toEqual(['down: connection refused (ECONNREFUSED)']);
  await world.runFor(5_000);
  await until(() => notices.includes('hung: no answer within 5000 ms') && hung.sockets[0]!.destroyed);
  const closed = webhooks.close(0);
  await world.runFor(0);
  await closed;
});

it('LOB-62: speaks HTTPS with verified certificates, and finds receivers by name without the system’s threads', async () => {
  const authority = await makeAuthority('authority');
  const { certificatePem: cert, privateKeyPem: key } = await authority.issue('receiver');
  const receiver = await Receiver.start(stack, (handler) => createHttps({ cert, key }, handler));
  const asked: string[] = [];
  const resolver: Resolver = {
    resolve: async ({ host }) => {
      asked.push(host);
      return { addresses: ['127.0.0.1'], ttlMs: null };
    },
  };
  const url = `https://localhost:${new URL(receiver.url).port}`;
  const trusting = open([{ url }], { resolver, certificateAuthorities: [authority.certificatePem] });
  trusting.notify(DOWN);
  await until(() => receiver.bodies.length === 1);
  expect(asked).toEqual(['localhost']);
  const strict = open([{ url }], { resolver });
  strict.notify(DOWN);
  await until(() => strict.status[0]!.retried === 1);
  expect(notices.at(-1)).toMatch(/unable to verify the first certificate/);
  await strict.close(0);
});

it('keeps secrets out of everything that it tells', async () => {
  const url = `http://user:password@127.0.0.1:${await freePort()}/token-in-path`;
  const webhooks = open([{ url, headers: { 'X-Key': 'secret-header' } }]);
  webhooks.notify(DOWN);
  await until(() => webhooks.status[0]!.retried === 1);
  expect(JSON.stringify([webhooks.status, notices])).not.toMatch(/password|token-in-path|secret-header/);
  await webhooks.close(0);
});

it('cuts an event that is too long down to its sentence', async () => {
  const receiver = await Receiver.start(stack);
  const webhooks = open([{ url: receiver.url }]);
  const findings = Array.from({ length: 2_000 }, (_, index) => `slot ${index} of the map of the service was deleted`);
  webhooks.notify({ atWallMs: 1, severity: 'warning', kind: 'kernel-drift', findings });
  await until(() => receiver.bodies.length === 1);
  expect(receiver.bodies[0]).toMatchObject({ kind: 'kernel-drift', event: null, text: expect.stringMatching(/…$/) });
});

function open(
  inputs: readonly Parameters<typeof webhookSchema.parse>[0][],
  options: Partial<WebhooksOptions> = {},
): Webhooks {
  const resolver: Resolver = { resolve: () => Promise.reject(new Error('no names here')) };
  const failing = (webhook: string, reason: string | null) => notices.push(`${webhook}: ${reason}`);
  const configuration = inputs.map((input) => webhookSchema.parse(input));
  return new Webhooks({ webhooks: configuration, node: 'fra1', runtime, resolver, failing, ...options });
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Takes whatever is posted. */
class Receiver {
  readonly bodies: unknown[] = [];
  readonly requests: IncomingMessage[] = [];
  readonly #server: Server;

  private constructor(create: (handler: Handler) => Server) {
    this.#server = create(async (request, response) => {
      this.requests.push(request);
      this.bodies.push(JSON.parse(await text(request)));
      response.end('thanks');
    });
  }

  static async start(owner: AsyncDisposableStack, create: (handler: Handler) => Server = createServer) {
    const receiver = new Receiver(create);
    receiver.#server.listen(0, '127.0.0.1');
    await once(receiver.#server, 'listening');
    owner.defer(() => void receiver.#server.close());
    return receiver;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `http://${this.host}`;
  }
}

async function hungServer(): Promise<{ readonly sockets: Socket[]; readonly url: string }> {
  const sockets: Socket[] = [];
  const server = createTcp((socket) => sockets.push(socket.on('error', () => {}).resume()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { sockets, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** A port where nobody listens. */
async function freePort(): Promise<number> {
  const server = createTcp().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
