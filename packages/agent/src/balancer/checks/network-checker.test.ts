import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer as createHttp, type Server as HttpServer, type IncomingMessage } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTls } from 'node:tls';
import { NodeRuntime } from '@higgins/runtime/node';
import type { Identity } from '@higgins/transport';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../../../../test/support/until.js';
import { makeAuthority, type TestAuthority } from '../../../../quic/src/testing/certificates.js';
import { CheckTypes } from './check-types.js';
import { LOOPBACKS, listen, order, virtualClock } from './checks.fixture.js';
import { NetworkChecker } from './network-checker.js';

const { signal } = new AbortController();

let stack: AsyncDisposableStack;
let clock: ReturnType<typeof virtualClock>;
let checker: NetworkChecker;

beforeEach(() => {
  stack = new AsyncDisposableStack();
  clock = virtualClock();
  checker = new NetworkChecker({ clock: clock.runtime });
});

afterEach(async () => {
  await stack.disposeAsync();
  expect(checker.load).toEqual({ running: 0, waiting: 0 });
});

if (!LOOPBACKS.includes('::1')) it.skip('LOB-48: skipped: loopback has no IPv6 address', () => {});

describe.each(LOOPBACKS)('LOB-48: on %s,', (address) => {
  it('L4-32, LOB-16: a TCP check passes when the connection opens, and fails on a closed port', async () => {
    const server = createServer((socket) => socket.on('error', () => {}));
    const port = await serve(server, address);
    expect(await checker.run(order('tcp', port, { address }), signal)).toEqual({
      ok: true,
      latencyMs: 0,
      reason: null,
    });
    await new Promise((done) => server.close(done));
    expect(await checker.run(order('tcp', port, { address }), signal)).toEqual({
      ok: false,
      latencyMs: 0,
      reason: 'connection refused (ECONNREFUSED)',
    });
  });

  it('LOB-57: a UDP check hears an answer, a wrong answer, silence, and the ICMP error of a closed port', async () => {
    const socket = createSocket(address === '::1' ? 'udp6' : 'udp4');
    const arrived: string[] = [];
    socket.on('message', (message, { port }) => {
      arrived.push(message.toString());
      if (message.toString() === 'ping') socket.send('pong!', port);
    });
    socket.bind(0, address);
    await once(socket, 'listening');
    const { port } = socket.address();
    const ask = (payload: string, expected: string | null) => {
      const udp = { payload: Buffer.from(payload), expect: expected === null ? null : Buffer.from(expected) };
      return checker.run(order('udp', port, { address, udp }), signal);
    };
    expect(await ask('ping', 'pong')).toEqual({ ok: true, latencyMs: 0, reason: null });
    expect(await ask('ping', null)).toEqual({ ok: true, latencyMs: 0, reason: null });
    expect(await ask('ping', 'pang')).toEqual({
      ok: false,
      latencyMs: 0,
      reason: 'the answer starts with 0x706f6e6721, expected 0x70616e67',
    });
    const silent = [ask('silence', null), ask('silence', 'pong')];
    await until(() => arrived.filter((text) => text === 'silence').length === 2);
    await clock.world.runFor(2_000);
    expect(await Promise.all(silent)).toEqual([
      { ok: true, latencyMs: 2_000, reason: null },
      { ok: false, latencyMs: 2_000, reason: 'no answer within 2000 ms' },
    ]);
    socket.close();
    await once(socket, 'close');
    for (const expected of [null, 'pong']) {
      expect(await ask('ping', expected)).toMatchObject({ ok: false, reason: 'connection refused (ECONNREFUSED)' });
    }
    expect(await checker.run(order('udp', port, { address }), signal)).toMatchObject({ ok: false });
  });
});

describe('HTTP', () => {
  it('L4-32, LOB-58: the status decides, and a redirect is a status like another', async () => {
    const requests: IncomingMessage[] = [];
    const port = await serve(
      createHttp((request, response) => {
        requests.push(request);
        response.writeHead(Number(request.url!.slice(1)), { location: '/200' }).end('body');
      }),
    );
    const ask = (path: string, statuses: [number, number][]) =>
      checker.run(order('http', port, { http: { method: 'GET', path, host: null, statuses } }), signal);
    expect(await ask('/200', [[200, 399]])).toEqual({ ok: true, latencyMs: 0, reason: null });
    expect(await ask('/302', [[200, 399]])).toMatchObject({ ok: true });
    expect(await ask('/302', [[200, 299]])).toMatchObject({ ok: false, reason: 'status 302, expected 200-299' });
    expect(
      await ask('/500', [
        [200, 299],
        [404, 404],
      ]),
    ).toMatchObject({ reason: 'status 500, expected 200-299, 404' });
    expect(
      await ask('/404', [
        [200, 299],
        [404, 404],
      ]),
    ).toMatchObject({ ok: true });
    expect(requests.map(({ url }) => url)).toEqual(['/200', '/302', '/302', '/500', '/404']);
  });

  it('LOB-58: asks with the method, path and Host header of the configuration, or the member’s host', async () => {
    const seen: (string | undefined)[] = [];
    const port = await serve(
      createHttp((request, response) => {
        seen.push(request.method, request.url, request.headers.host, request.headers.connection);
        response.end();
      }),
    );
    const http = { method: 'HEAD', path: '/health?full', host: 'shop.example', statuses: [[200, 200]] } as const;
    expect(await checker.run(order('http', port, { http }), signal)).toMatchObject({ ok: true });
    expect(await checker.run(order('http', port, { host: 'web1.example.' }), signal)).toMatchObject({ ok: true });
    expect(seen).toEqual([
      ...['HEAD', '/health?full', 'shop.example', 'close'],
      ...['GET', '/', `web1.example:${port}`, 'close'],
    ]);
  });

  it('L4-64, L4-65: /health and /ready tell apart; 200 is good, 503 and a timeout are not', async () => {
    let state: { health: number; ready: number } | 'hangs' = { health: 200, ready: 200 };
    const paths: (string | undefined)[] = [];
    const port = await serve(
      createHttp(({ url }, response) => {
        paths.push(url);
        if (state !== 'hangs') response.writeHead(url === '/health' ? state.health : state.ready).end();
      }),
    );
    const both = () =>
      ['/health', '/ready'].map(async (path) => {
        const http = { method: 'GET', path, host: null, statuses: [[200, 299]] } as const;
        return (await checker.run(order('http', port, { http }), signal)).ok;
      });
    expect(await Promise.all(both())).toEqual([true, true]);
    state = { health: 200, ready: 503 };
    expect(await Promise.all(both())).toEqual([true, false]);
    state = 'hangs';
    const hanging = Promise.all(both());
    await until(() => paths.length === 6);
    await clock.world.runFor(2_000);
    expect(await hanging).toEqual([false, false]);
    state = { health: 200, ready: 200 };
    expect(await Promise.all(both())).toEqual([true, true]);
  });

  it('does not wait for a body, and closes the connection', async () => {
    const closed = Promise.withResolvers<void>();
    const port = await serve(
      createServer((socket) => {
        socket
          .on('error', () => {})
          .on('close', () => closed.resolve())
          .resume();
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nno more than this');
      }),
    );
    expect(await checker.run(order('http', port), signal)).toMatchObject({ ok: true });
    await closed.promise;
  });

  it.each([
    ['SSH-2.0-OpenSSH_9\r\n', 'the answer starts with "SSH-2.0-OpenSSH_9", expected HTTP/1.1'],
    ['HTTP/1.1 20', 'connection closed before the answer was complete'],
    ['', 'connection closed before the answer was complete'],
  ])('fails on an answer that is %j', async (answer, reason) => {
    const port = await serve(createServer((socket) => socket.on('error', () => {}).end(answer)));
    expect(await checker.run(order('http', port), signal)).toEqual({ ok: false, latencyMs: 0, reason });
  });

  it('refuses to send what would be more than a path and a header', async () => {
    for (const http of [
      { path: '/ HTTP/1.1\r\nX: y', host: null },
      { path: '/', host: 'a\r\nX: y' },
    ]) {
      const check = { http: { method: 'GET', statuses: [], ...http } } as const;
      expect(await checker.run(order('http', 1, check), signal)).toMatchObject({
        inconclusive: true,
        reason: expect.stringContaining('expected printable ASCII'),
      });
    }
  });

  it.each(['http', 'https', 'tls'])(
    'L4-32, LOB-19: %s against a server that hangs fails at the timeout',
    async (type) => {
      const { sockets, port } = await hungServer();
      const result = checker.run(order(type, port), signal);
      await until(() => sockets.length === 1);
      await clock.world.runFor(1_999);
      expect(checker.load.running).toBe(1);
      await clock.world.runFor(1);
      expect(await result).toEqual({ ok: false, latencyMs: 2_000, reason: 'no answer within 2000 ms' });
      await until(() => sockets[0]!.destroyed);
    },
  );
});

describe('TLS', () => {
  let authority: TestAuthority;
  let identity: Identity;
  const endsWallMs = () => expect.closeTo(Date.now() + 10 * 86_400_000, -6);

  beforeAll(async () => {
    authority = await makeAuthority('authority');
    identity = await authority.issue('member');
  });

  const https = async (options: { readonly days?: number } = {}) => {
    const { certificatePem: cert, privateKeyPem: key } =
      options.days === undefined ? identity : await authority.issue('member', options.days);
    return serve(createHttps({ cert, key }, (_, response) => response.writeHead(204).end()));
  };
  const trusting = () =>
    new NetworkChecker({ clock: clock.runtime, certificateAuthorities: [authority.certificatePem] });

  it('LOB-58, L4-31: HTTPS passes with a certificate that is trusted and names the member, and tells when it ends', async () => {
    const port = await https();
    const good = { ok: true, latencyMs: 0, reason: null, certificateEndsWallMs: endsWallMs() };
    for (const host of ['127.0.0.1', 'localhost', 'localhost.']) {
      expect(await trusting().run(order('https', port, { host }), signal)).toEqual(good);
      expect(await trusting().run(order('tls', port, { host }), signal)).toEqual(good);
    }
  });

  it('LOB-58: refuses an unknown authority, another name and an expired certificate, unless told not to verify', async () => {
    const port = await https();
    const expired = await https({ days: -1 });
    const reasonsOf = async (from: NetworkChecker, order: Parameters<NetworkChecker['run']>[0]) =>
      (await from.run(order, signal)).reason;
    const plain = { verify: false, serverName: null };
    for (const type of ['https', 'tls']) {
      expect(await reasonsOf(checker, order(type, port))).toBe('certificate refused: UNABLE_TO_VERIFY_LEAF_SIGNATURE');
      expect(await reasonsOf(checker, order(type, port, { tls: plain }))).toBeNull();
      expect(await reasonsOf(trusting(), order(type, port, { host: 'web1.example' }))).toMatch(
        /^certificate refused: .* Host: web1\.example\. is not in the cert's altnames: DNS:localhost/,
      );
      const named = { verify: true, serverName: 'localhost' };
      expect(await reasonsOf(trusting(), order(type, port, { host: 'web1.example', tls: named }))).toBeNull();
      const literal = { verify: true, serverName: '127.0.0.1' };
      expect(await reasonsOf(trusting(), order(type, port, { host: 'web1.example', tls: literal }))).toBeNull();
      expect(await reasonsOf(trusting(), order(type, expired))).toBe('certificate refused: CERT_HAS_EXPIRED');
      expect(await reasonsOf(trusting(), order(type, expired, { tls: plain }))).toBeNull();
    }
  });

  it('tells when a certificate ended that it refuses', async () => {
    const expired = await https({ days: -1 });
    for (const type of ['https', 'tls']) {
      const { ok, certificateEndsWallMs } = await trusting().run(order(type, expired), signal);
      expect(ok).toBe(false);
      expect(certificateEndsWallMs).toBeLessThan(Date.now());
    }
  });

  it('sends the name of the member and no address as server name', async () => {
    const names: (string | false | null)[] = [];
    const { certificatePem: cert, privateKeyPem: key } = identity;
    const server = createTls({ cert, key }, (socket) => {
      names.push(socket.servername);
      socket.on('error', () => {});
    });
    const port = await serve(server);
    for (const host of ['localhost', '127.0.0.1']) await trusting().run(order('tls', port, { host }), signal);
    await until(() => names.length === 2);
    expect(names).toEqual(['localhost', false]);
  });

  it('tells why a server that does not speak TLS fails', async () => {
    const port = await serve(createServer((socket) => socket.on('error', () => {}).end('220 smtp.example\r\n')));
    expect(await checker.run(order('tls', port), signal)).toMatchObject({
      ok: false,
      reason: expect.stringMatching(/SSL|packet/),
    });
  });
});

it('LOB-16, LOB-45: the check goes to its own port when it has one', async () => {
  const port = await serve(createServer((socket) => socket.on('error', () => {})));
  expect(await checker.run(order('tcp', 1, { port }), signal)).toMatchObject({ ok: true });
  expect(await checker.run(order('tcp', port, { port: 1 }), signal)).toMatchObject({ ok: false });
});

it('L4-32: an answer that is there by the deadline counts, though the node was too busy to read it', async () => {
  const port = await serve(createServer((socket) => socket.on('error', () => {})));
  using runtime = new NodeRuntime({ directory: 'unused' });
  const result = new NetworkChecker({ clock: runtime }).run(order('tcp', port, { timeoutMs: 20 }), signal);
  // The kernel opens the connection meanwhile.
  process.nextTick(() => {
    const endMs = runtime.bootMs() + 25;
    while (runtime.bootMs() < endMs);
  });
  expect(await result).toMatchObject({ ok: true });
});

it('knows nothing of a member for whose whole time the node stood still', async () => {
  const { sockets, port } = await hungServer();
  for (const [pausedMs, reason] of [
    [3_999, 'no answer within 2000 ms'],
    [4_000, 'this node stood still for 2000 ms'],
  ] as const) {
    const before = sockets.length;
    const result = checker.run(order('http', port), signal);
    await until(() => sockets.length > before);
    clock.runtime.pause();
    await clock.world.runFor(pausedMs);
    clock.runtime.resume();
    await clock.world.runFor(0);
    const found = await result;
    expect([found.ok, found.inconclusive ?? false, found.reason]).toEqual([false, pausedMs === 4_000, reason]);
  }
});

it('aborts with the signal’s reason and leaves no connection behind, on the wire or in the queue', async () => {
  checker = new NetworkChecker({ clock: clock.runtime, atATimeMax: 1 });
  const { sockets, port } = await hungServer();
  const controller = new AbortController();
  const running = checker.run(order('http', port), controller.signal);
  const waiting = checker.run(order('http', port), controller.signal);
  await until(() => sockets.length === 1);
  expect(checker.load).toEqual({ running: 1, waiting: 1 });
  const reason = new Error('shut down');
  controller.abort(reason);
  await expect(running).rejects.toBe(reason);
  await expect(waiting).rejects.toBe(reason);
  await expect(checker.run(order('http', port), controller.signal)).rejects.toBe(reason);
  await until(() => sockets[0]!.destroyed);
  expect(sockets).toHaveLength(1);
  expect(clock.world.pending).toBe(0);
});

it.each(['tcp', 'udp', 'http', 'https', 'tls'])('a %s check can end before it has begun to connect', async (type) => {
  const controller = new AbortController();
  const result = checker.run(order(type, 9), controller.signal);
  controller.abort(new Error('shut down'));
  await expect(result).rejects.toThrow('shut down');
  expect(clock.world.pending).toBe(0);
});

it('lets so many on the wire, the others in their order, each with its whole time', async () => {
  checker = new NetworkChecker({ clock: clock.runtime, atATimeMax: 2 });
  const { sockets, port } = await hungServer();
  const ended: number[] = [];
  const runs = [0, 1, 2, 3, 4].map(async (index) => {
    const result = await checker.run(order('http', port), signal);
    ended.push(index);
    return result.latencyMs;
  });
  for (const expected of [2, 4, 5]) {
    await until(() => sockets.length === expected);
    await clock.world.runFor(2_000);
  }
  expect(await Promise.all(runs)).toEqual([2_000, 2_000, 2_000, 2_000, 2_000]);
  expect(ended).toEqual([0, 1, 2, 3, 4]);
});

describe('registered types', () => {
  it('L4-31: run the operator’s function, with the order and a signal that ends with the check', async () => {
    const types = new CheckTypes();
    const signals: AbortSignal[] = [];
    types.registerModule('checks.mjs', {
      checkTypes: {
        good: async () => {},
        'bad-answer': async ({ address }: { address: string }) => {
          throw new Error(`no\nquorum at ${address}`);
        },
        throws: () => {
          throw new Error('at once');
        },
        hangs: (_: unknown, given: AbortSignal) => {
          signals.push(given);
          return new Promise<void>(() => {});
        },
      },
    });
    checker = new NetworkChecker({ clock: clock.runtime, types });
    expect(await checker.run(order('good', 1), signal)).toEqual({ ok: true, latencyMs: 0, reason: null });
    expect(await checker.run(order('bad-answer', 1), signal)).toMatchObject({ reason: 'no\\u{a}quorum at 127.0.0.1' });
    expect(await checker.run(order('throws', 1), signal)).toMatchObject({ ok: false, reason: 'at once' });
    const hanging = checker.run(order('hangs', 1), signal);
    await clock.world.runFor(2_000);
    expect(await hanging).toMatchObject({ ok: false, reason: 'no answer within 2000 ms' });
    expect(signals[0]!.aborted).toBe(true);
  });

  it('refuses unknown types by name, and takes no member out for one', async () => {
    expect(() => checker.types.assertKnown('grpc')).toThrow(
      'check type is "grpc", expected one of tcp, udp, http, https, tls',
    );
    for (const type of ['grpc', 'toString', '__proto__']) {
      expect(await checker.run(order(type, 1), signal)).toMatchObject({
        ok: false,
        inconclusive: true,
        reason: `check type is "${type}", expected one of tcp, udp, http, https, tls`,
      });
    }
  });
});

async function serve(server: Server | HttpServer, address?: string): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  stack.defer(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return listen(server, address);
}

async function hungServer(): Promise<{ readonly sockets: Socket[]; readonly port: number }> {
  const sockets: Socket[] = [];
  const port = await serve(
    createServer((socket) => {
      sockets.push(socket.on('error', () => {}));
      socket.resume();
    }),
  );
  return { sockets, port };
}
