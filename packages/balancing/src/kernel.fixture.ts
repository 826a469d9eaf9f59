import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { SocketAddress } from 'node:net';
import type { Family } from './flow-key.js';
import { jenkinsHash } from './jenkins-hash.js';

/** Bound on every wait for the kernel. */
export const WAIT_MS_MAX = 30_000;

export interface Endpoint {
  readonly address: string;
  readonly bytes: Uint8Array;
  readonly port: number;
}

/** Addresses that differ in all bits that may differ, the same in every run. */
export function endpoints(family: Family, first: number, count: number, port: (index: number) => number): Endpoint[] {
  return Array.from({ length: count }, (_, index) => {
    const bytes = new Uint8Array(family === 4 ? 4 : 16);
    const word = new Uint8Array(4);
    for (let offset = 0; offset < bytes.length; offset += 4) {
      new DataView(word.buffer).setUint32(0, first + index);
      new DataView(bytes.buffer).setUint32(offset, jenkinsHash(word, offset));
    }
    bytes[0] = family === 4 ? 127 : 0xfd;
    return { address: addressText(bytes, family), bytes, port: port(index) };
  });
}

function addressText(bytes: Uint8Array, family: Family): string {
  if (family === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => (bytes[2 * index]! << 8) | bytes[2 * index + 1]!);
  return new SocketAddress({ family: 'ipv6', address: groups.map((group) => group.toString(16)).join(':') }).address;
}

/** Bound sockets, closed at the end of the scope. */
export async function bindAll(family: Family, from: readonly Endpoint[]): Promise<AsyncDisposable & { all: Socket[] }> {
  const all = from.map(() => createSocket(family === 4 ? 'udp4' : 'udp6'));
  await Promise.all(
    all.map((socket, index) => {
      socket.bind(from[index]!.port, from[index]!.address);
      return once(socket, 'listening');
    }),
  );
  return {
    all,
    [Symbol.asyncDispose]: async () => void (await Promise.all(all.map((socket) => once(socket.close(), 'close')))),
  };
}

/** One datagram from each socket; it names the socket and the destination, as NAT may change the source port. */
export async function sendFromAll(sockets: readonly Socket[], to: Endpoint): Promise<void> {
  await Promise.all(
    sockets.map(
      (socket, client) =>
        new Promise<void>((resolve, reject) =>
          socket.send(`${client} ${to.address}`, to.port, to.address, (error) => (error ? reject(error) : resolve())),
        ),
    ),
  );
}

/** The members' sockets: who received which flow. */
export class Inbox implements AsyncDisposable {
  readonly #receivers = new Map<string, string>();
  readonly #sockets: AsyncDisposable;
  #arrived: () => void = () => {};

  private constructor(members: readonly Endpoint[], sockets: AsyncDisposable & { all: Socket[] }) {
    this.#sockets = sockets;
    for (const [index, socket] of sockets.all.entries()) {
      socket.on('message', (payload) => {
        this.#receivers.set(payload.toString(), members[index]!.address);
        this.#arrived();
      });
    }
  }

  static async open(family: Family, members: readonly Endpoint[]): Promise<Inbox> {
    return new Inbox(members, await bindAll(family, members));
  }

  /** Waits until that many flows have arrived and are not taken. */
  async count(flows: number): Promise<void> {
    const signal = AbortSignal.timeout(WAIT_MS_MAX);
    while (this.#receivers.size < flows) {
      await new Promise<void>((resolve, reject) => {
        this.#arrived = resolve;
        signal.onabort = () => reject(new Error(`${this.#receivers.size} datagrams arrived, expected ${flows}`));
      });
    }
  }

  takeReceiver(client: number, service: Endpoint): string | undefined {
    const key = `${client} ${service.address}`;
    const receiver = this.#receivers.get(key);
    this.#receivers.delete(key);
    return receiver;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sockets[Symbol.asyncDispose]();
  }
}
