// Sends and serves traffic inside a network namespace, told by lines of JSON on standard input:
//   serve     { addresses, port, name? }                   TCP and UDP servers; a TCP server says its name (address) first
//   take                                                   what UDP servers received since: payload to address
//   send      { sources, destinations, tag }               a datagram from each source to each destination
//   connect   { count, address, port, source?, sourcePort?, request?, hold? }   TCP connections, one after the other, from
//                                                          ports one after the other: who answered, or the error; the
//                                                          server speaks first, unless there is a request
//   download  { address, port, bytes }                     so many bytes from a TCP server: its name, and how many came
//   release                                                closes all connections that are held or served
//   probe                                                  which of the held connections still answer
//   exchange  { address, port, source?, sourcePort?, waitMs? }  a datagram that waits for an answer or an ICMP error
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createConnection, createServer, type Socket as TcpSocket } from 'node:net';
import { createInterface } from 'node:readline';

interface Endpoint {
  readonly address: string;
  readonly port: number;
}

const ANSWER_MS_MAX = 5_000;
/** What downloads consist of. */
const PORTION = Buffer.alloc(1 << 20);
const received = new Map<string, string>();
const senders = new Map<string, Promise<Socket>>();
const served = new Set<TcpSocket>();
const held: { socket: TcpSocket; name: string; question: string }[] = [];

interface Connect extends Endpoint {
  readonly source?: string;
  readonly sourcePort?: number;
  /** What the client says first and, on a held connection, again. */
  readonly request?: string;
  readonly hold?: boolean;
}

const commands: Record<string, (options: never) => Promise<unknown>> = {
  serve: async ({ addresses, port, name }: { addresses: readonly string[]; port: number; name?: string }) => {
    for (const address of addresses) {
      await Promise.all([serveTcp(address, port, name ?? address), serveUdp(address, port, name ?? address)]);
    }
    return null;
  },
  take: async () => {
    const taken = [...received];
    received.clear();
    return taken;
  },
  received: async () => received.size,
  send: async ({ sources, destinations, tag }: { sources: Endpoint[]; destinations: Endpoint[]; tag: string }) => {
    const sockets = await Promise.all(sources.map(sender));
    for (const destination of destinations) {
      await Promise.all(
        sockets.map((socket, index) => send(socket, `${tag} ${index} ${destination.address}`, destination)),
      );
    }
    return sources.length * destinations.length;
  },
  connect: async ({ count, sourcePort, ...options }: Connect & { count: number }) => {
    const names: string[] = [];
    for (let index = 0; index < count; index++) {
      names.push(await connect(sourcePort === undefined ? options : { ...options, sourcePort: sourcePort + index }));
    }
    return names;
  },
  download: async ({ address, port, bytes }: Endpoint & { bytes: number }) => {
    const socket = createConnection({ host: address, port });
    const name = await nextLine(socket);
    const received = new Promise<number>((resolve) => {
      let count = 0;
      socket.on('data', ({ length }) => {
        count += length;
        if (count >= bytes) resolve(count);
      });
      socket.once('close', () => resolve(count));
    });
    socket.write(`bytes ${bytes}\n`);
    const count = await received;
    socket.destroy();
    return { name, bytes: count };
  },
  probe: async () => Promise.all(held.map(async (one) => (await answers(one)) === one.name)),
  release: async () => {
    for (const { socket } of held.splice(0)) socket.destroy();
    for (const socket of served) socket.destroy();
    return null;
  },
  exchange: async ({
    address,
    port,
    ...from
  }: Endpoint & { source?: string; sourcePort?: number; waitMs?: number }) => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    const startMs = performance.now();
    socket.bind(from.sourcePort ?? 0, from.source);
    await once(socket, 'listening');
    socket.connect(port, address);
    await once(socket, 'connect');
    const answer = new Promise<string>((resolve) => {
      socket.once('message', (payload) => resolve(payload.toString()));
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      setTimeout(() => resolve('TIMEOUT'), from.waitMs ?? ANSWER_MS_MAX).unref();
    });
    socket.send('ask');
    const name = await answer;
    socket.close();
    return { name, afterMs: performance.now() - startMs };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...options } = JSON.parse(line) as { command: string };
  const outcome = await commands[command]!(options as never).then(
    (answer) => ({ answer }),
    (error: unknown) => ({ error: String(error) }),
  );
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}

/** Says its name, then answers every line with it. */
async function serveTcp(address: string, port: number, name: string): Promise<void> {
  const server = createServer((socket) => {
    served.add(socket.on('close', () => served.delete(socket)));
    socket.on('error', () => {});
    socket.setNoDelay(true);
    socket.write(`${name}\n`);
    socket.on('data', (data) => {
      const [, bytes] = /^bytes (\d+)\n$/.exec(data.toString()) ?? [];
      if (bytes === undefined) socket.write(`${name}\n`);
      else pour(socket, Number(bytes));
    });
  });
  server.listen({ host: address, port, backlog: 4096 });
  await once(server, 'listening');
}

/** Writes so many bytes as the receiver takes them. */
function pour(socket: TcpSocket, bytes: number): void {
  let left = bytes;
  while (left > 0) {
    const portion = PORTION.subarray(0, Math.min(left, PORTION.length));
    left -= portion.length;
    if (socket.write(portion) || left === 0) continue;
    socket.once('drain', () => pour(socket, left));
    return;
  }
}

async function serveUdp(address: string, port: number, name: string): Promise<void> {
  const socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 4 << 20 });
  socket.on('message', (payload, from) => {
    const text = payload.toString();
    if (text === 'ask') socket.send(name, from.port, from.address);
    else received.set(text, name);
  });
  socket.bind(port, address);
  await once(socket, 'listening');
}

function sender({ address, port }: Endpoint): Promise<Socket> {
  const key = `${address} ${port}`;
  const existing = senders.get(key);
  if (existing) return existing;
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  socket.on('error', () => {});
  socket.bind(port, address);
  const bound = once(socket, 'listening').then(() => socket);
  senders.set(key, bound);
  return bound;
}

function send(socket: Socket, text: string, { address, port }: Endpoint): Promise<void> {
  return new Promise((resolve) => socket.send(text, port, address, () => resolve()));
}

async function connect({ address, port, source, sourcePort, request, hold }: Connect): Promise<string> {
  const socket = createConnection({
    ...{ host: address, port },
    ...(source === undefined ? {} : { localAddress: source }),
    ...(sourcePort === undefined ? {} : { localPort: sourcePort }),
  });
  socket.setNoDelay(true);
  if (request !== undefined) socket.write(request);
  const name = await nextLine(socket);
  if (hold && !/^E[A-Z]+$/.test(name)) held.push({ socket, name, question: request ?? '?\n' });
  else socket.destroy();
  return name;
}

function answers({ socket, question }: (typeof held)[number]): Promise<string> {
  socket.write(question);
  return nextLine(socket);
}

/** The next line, or the code of what went wrong. */
function nextLine(socket: TcpSocket): Promise<string> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve('ETIMEOUT'), ANSWER_MS_MAX);
    const done = (text: string) => {
      clearTimeout(timer);
      resolve(text);
    };
    socket.once('data', (data) => done(data.toString().trim().split('\n').at(-1) ?? ''));
    socket.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
    socket.once('close', () => done('ECLOSED'));
  });
}
