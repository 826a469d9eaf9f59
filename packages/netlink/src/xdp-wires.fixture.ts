import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { until } from '../../../test/support/until.js';

/** What the client asks for: one exchange from this source. */
export interface Ask {
  readonly family: 4 | 6;
  readonly protocol: 'tcp' | 'udp';
  readonly source: string;
  readonly sourcePort: number;
}

export const VIPS = { 4: '10.9.9.9', 6: 'fd09::9' } as const;
export const VIP_PORT = 8080;
export const BACKENDS = 3;
/** Addresses that the client can ask from. */
export const CLIENTS = 20;
/** An answer that takes longer does not come. */
const ANSWER_MS_MAX = 20_000;
/** A socket's buffer holds some fifty datagrams that came over a veth with XDP: each takes a page. */
const ON_THE_WAY_MAX = 16;
const TOOLS = ['ip', 'ethtool', 'nsenter'];

/** What is missing for real wires; null if nothing is. */
export function missingTool(): string | null {
  const missing = TOOLS.filter((tool) => {
    try {
      execFileSync('which', [tool], { stdio: 'ignore' });
      return false;
    } catch {
      return true;
    }
  });
  return missing.length > 0 ? `${missing.join(', ')} not installed` : null;
}

export function clientAddress(family: 4 | 6, number: number): string {
  return family === 4 ? `10.1.0.${10 + number}` : `fd01::${(0x10 + number).toString(16)}`;
}

/**
 * A client and backends in namespaces of their own, around the namespace of the test, which balances: `front` leads to the
 * client, `down0` … to the backends. These hold the virtual addresses and answer the client over wires of their own.
 */
export class Wires implements AsyncDisposable {
  /** MAC addresses of the backends' devices. */
  readonly backendMacs: Uint8Array[] = [];
  readonly #children: ChildProcess[] = [];
  readonly #names: string[] = [];
  readonly #devices: string[] = [];
  readonly #prefix = `higgins-xdp-${process.pid}-`;

  static async make(): Promise<Wires> {
    const wires = new Wires();
    try {
      wires.#lay();
      await Promise.all(Array.from({ length: BACKENDS }, (_, number) => wires.#serve(number)));
      return wires;
    } catch (error) {
      await wires[Symbol.asyncDispose]();
      throw error;
    }
  }

  backendAddress(family: 4 | 6, number: number): string {
    return family === 4 ? `10.2.${number}.2` : `fd02:${number}::2`;
  }

  /** Makes the kernel look for the backends' MAC addresses, as its own traffic to them would. */
  async findNeighbours(): Promise<void> {
    for (let number = 0; number < BACKENDS; number++) {
      for (const family of [4, 6] as const) {
        const socket = createSocket(`udp${family}`);
        socket.send('?', VIP_PORT, this.backendAddress(family, number));
        const isFound = () => ip(`-${family}`, 'neigh', 'show', 'dev', `down${number}`).includes('REACHABLE');
        await until(isFound);
        socket.close();
      }
    }
  }

  /** Packets that left the balancer towards the client. */
  packetsUp(): number {
    const [link] = JSON.parse(ip('-s', '-j', 'link', 'show', 'front')) as { stats64: { tx: { packets: number } } }[];
    return link!.stats64.tx.packets;
  }

  /** Names of the backends that answered, in order; null where nobody did in time. */
  async ask(asks: readonly Ask[], boundMs = ANSWER_MS_MAX): Promise<(string | null)[]> {
    const client = this.#start('client', CLIENT, JSON.stringify({ vips: VIPS, port: VIP_PORT, asks, boundMs }));
    const [answers] = await lines(client, 1);
    return JSON.parse(answers!) as (string | null)[];
  }

  /**
   * Sends a datagram every millisecond until `stop` tells how many came back of how many. It pauses while
   * `ON_THE_WAY_MAX` have not come back: on a busy machine more of them would overflow a socket's buffer, where nobody
   * could tell them from those that the balancer lost.
   */
  async stream(family: 4 | 6): Promise<{ stop(): Promise<{ sent: number; answered: number }> }> {
    const input = { vip: VIPS[family], port: VIP_PORT, source: clientAddress(family, 0), onTheWayMax: ON_THE_WAY_MAX };
    const client = this.#start('client', STREAM, JSON.stringify(input));
    await lines(client, 1);
    return {
      stop: async () => {
        client.stdin!.end('\n');
        const [, result] = await lines(client, 2);
        return JSON.parse(result!) as { sent: number; answered: number };
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = this.#children.map((child) =>
      child.exitCode !== null || child.signalCode !== null
        ? Promise.resolve()
        : new Promise((resolve) => child.once('close', resolve)),
    );
    for (const child of this.#children) child.kill('SIGKILL');
    await Promise.all(ended);
    // A namespace may live on for a while; its wires may not.
    for (const device of this.#devices) ip('link', 'del', device);
    for (const name of this.#names) ip('netns', 'del', name);
  }

  #lay(): void {
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
    writeFileSync('/proc/sys/net/ipv6/conf/all/forwarding', '1');
    this.#namespace('client');
    this.#wire('front', 'client', 'wire', ['10.1.0.1/24', 'fd01::1/64'], ['10.1.0.2/24', 'fd01::2/64']);
    for (const family of [4, 6] as const) {
      for (let number = 0; number < CLIENTS; number++) {
        const address = `${clientAddress(family, number)}/${family === 4 ? 24 : 64}`;
        this.#ip('client', 'addr', 'add', address, 'dev', 'wire', ...nodad(family));
      }
      const gateway = family === 4 ? '10.1.0.1' : 'fd01::1';
      this.#ip('client', `-${family}`, 'route', 'add', VIPS[family], 'via', gateway);
    }
    for (let number = 0; number < BACKENDS; number++) this.#layBackend(number);
  }

  #layBackend(number: number): void {
    const name = `b${number}`;
    this.#namespace(name);
    const [near, far] = [
      [`10.2.${number}.1/24`, `fd02:${number}::1/64`],
      [`10.2.${number}.2/24`, `fd02:${number}::2/64`],
    ];
    this.#wire(`down${number}`, name, 'wire', near!, far!);
    const [link] = JSON.parse(this.#inside(name, 'ip', '-j', 'link', 'show', 'wire')) as { address: string }[];
    this.backendMacs.push(Uint8Array.from(link!.address.split(':'), (byte) => Number.parseInt(byte, 16)));
    // The way back to the client.
    const [back, client] = [`${this.#prefix}${name}`, `${this.#prefix}client`];
    ip('link', 'add', 'back', 'netns', back, 'type', 'veth', 'peer', 'name', `back${number}`, 'netns', client);
    for (const [family, addresses] of [
      [4, [`10.3.${number}.1/24`, `10.3.${number}.2/24`]],
      [6, [`fd03:${number}::1/64`, `fd03:${number}::2/64`]],
    ] as const) {
      this.#ip(name, 'addr', 'add', addresses[0], 'dev', 'back', ...nodad(family));
      this.#ip('client', 'addr', 'add', addresses[1], 'dev', `back${number}`, ...nodad(family));
      this.#ip(name, 'addr', 'add', `${VIPS[family]}/${family === 4 ? 32 : 128}`, 'dev', 'lo', ...nodad(family));
    }
    this.#ip(name, 'link', 'set', 'back', 'up');
    this.#ip('client', 'link', 'set', `back${number}`, 'up');
    this.#ip(name, 'route', 'add', '10.1.0.0/24', 'via', `10.3.${number}.2`);
    this.#ip(name, '-6', 'route', 'add', 'fd01::/64', 'via', `fd03:${number}::2`);
  }

  #namespace(name: string): void {
    ip('netns', 'add', this.#prefix + name);
    this.#names.push(this.#prefix + name);
    this.#ip(name, 'link', 'set', 'lo', 'up');
    // Packets come in by another device than answers leave.
    for (const device of ['all', 'default']) {
      this.#inside(name, 'sh', '-c', `echo 0 > /proc/sys/net/ipv4/conf/${device}/rp_filter`);
    }
  }

  #wire(device: string, name: string, peer: string, near: readonly string[], far: readonly string[]): void {
    ip('link', 'add', device, 'type', 'veth', 'peer', 'name', peer, 'netns', this.#prefix + name);
    this.#devices.push(device);
    // A veth keeps checksums for later, which no real device does, and sends for XDP where its peer has GRO.
    this.#inside(name, 'ethtool', '-K', peer, 'tx', 'off', 'gro', 'on');
    for (const [index, address] of near.entries())
      ip('addr', 'add', address, 'dev', device, ...nodad(index === 0 ? 4 : 6));
    for (const [index, address] of far.entries()) {
      this.#ip(name, 'addr', 'add', address, 'dev', peer, ...nodad(index === 0 ? 4 : 6));
    }
    ip('link', 'set', device, 'up');
    this.#ip(name, 'link', 'set', peer, 'up');
  }

  async #serve(number: number): Promise<void> {
    const input = { name: `backend-${number}`, addresses: Object.values(VIPS), port: VIP_PORT };
    await lines(this.#start(`b${number}`, SERVER, JSON.stringify(input)), 1);
  }

  #ip(name: string, ...args: readonly string[]): void {
    ip('-n', this.#prefix + name, ...args);
  }

  #inside(name: string, ...command: readonly string[]): string {
    return execFileSync('nsenter', [`--net=/run/netns/${this.#prefix}${name}`, ...command], { encoding: 'utf8' });
  }

  #start(name: string, script: string, input: string): ChildProcess {
    const command = [process.execPath, '--input-type=module', '--eval', script, input];
    const child = spawn('nsenter', [`--net=/run/netns/${this.#prefix}${name}`, ...command], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#children.push(child);
    return child;
  }
}

/** The first lines that a program prints; rejects if it ends before. */
export async function lines(child: ChildProcess, count: number): Promise<string[]> {
  const printed = printedLines(child);
  while (printed.lines.length < count) {
    if (printed.ended) throw new Error(`a program ended after ${printed.lines.length} of ${count} lines`);
    await new Promise<void>((resolve) => {
      printed.changed = resolve;
    });
  }
  return printed.lines.slice(0, count);
}

interface Printed {
  readonly lines: string[];
  ended: boolean;
  changed: () => void;
}

const outputs = new WeakMap<ChildProcess, Printed>();

function printedLines(child: ChildProcess): Printed {
  const known = outputs.get(child);
  if (known !== undefined) return known;
  const printed: Printed = { lines: [], ended: false, changed: () => {} };
  createInterface({ input: child.stdout! })
    .on('line', (line) => {
      printed.lines.push(line);
      printed.changed();
    })
    .on('close', () => {
      printed.ended = true;
      printed.changed();
    });
  outputs.set(child, printed);
  return printed;
}

function ip(...args: readonly string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8' });
}

function nodad(family: 4 | 6): string[] {
  return family === 6 ? ['nodad'] : [];
}

const SERVER = `
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
const { name, addresses, port } = JSON.parse(process.argv[1]);
for (const address of addresses) {
  await once(createServer((socket) => socket.on('error', () => {}).end(name)).listen(port, address), 'listening');
  const udp = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  udp.on('message', (message, from) => udp.send(name + ' ' + message, from.port, from.address));
  await once(udp.bind(port, address), 'listening');
}
console.log('ready');`;

const CLIENT = `
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
const { vips, port, asks, boundMs } = JSON.parse(process.argv[1]);
const answers = [];
for (let at = 0; at < asks.length; at += 100) answers.push(...(await Promise.all(asks.slice(at, at + 100).map(ask))));
console.log(JSON.stringify(answers));
process.exit();
async function ask({ family, protocol, source, sourcePort }) {
  const signal = AbortSignal.timeout(boundMs);
  try {
    if (protocol === 'tcp') {
      const socket = connect({ host: vips[family], port, localAddress: source, localPort: sourcePort });
      signal.addEventListener('abort', () => socket.destroy(signal.reason));
      let answer = '';
      for await (const part of socket) answer += part;
      return answer;
    }
    const socket = createSocket('udp' + family);
    await once(socket.bind(sourcePort, source), 'listening');
    socket.send('?', port, vips[family]);
    const [message] = await once(socket, 'message', { signal });
    socket.close();
    return message.toString().split(' ')[0];
  } catch {
    return null;
  }
}`;

const STREAM = `
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
const { vip, port, source, onTheWayMax } = JSON.parse(process.argv[1]);
const socket = createSocket(vip.includes(':') ? 'udp6' : 'udp4');
await once(socket.bind(0, source), 'listening');
let sent = 0;
let answered = 0;
socket.on('message', () => (answered += 1));
console.log('ready');
const timer = setInterval(() => {
  if (sent - answered < onTheWayMax) socket.send(String(sent++), port, vip);
}, 1);
await once(process.stdin.resume(), 'end');
clearInterval(timer);
const end = performance.now() + 10_000;
while (answered < sent && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 5));
console.log(JSON.stringify({ sent, answered }));
process.exit();`;
