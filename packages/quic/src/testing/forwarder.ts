import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

/** Passes datagrams on between clients and a server on 127.0.0.1, until it falls silent. */
export class Forwarder {
  readonly #front: Socket;
  readonly #backs = new Map<number, Socket>();
  /** The server's port. */
  target = 0;
  #silent = false;

  private constructor(front: Socket) {
    this.#front = front;
    front.on('message', (bytes, from) => {
      if (!this.#silent) this.#back(from.port).send(bytes, this.target, '127.0.0.1');
    });
  }

  static async start(): Promise<Forwarder> {
    const front = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
    front.bind(0, '127.0.0.1');
    await once(front, 'listening');
    return new Forwarder(front);
  }

  get port(): number {
    return (this.#front.address() as AddressInfo).port;
  }

  /** From now on nothing passes, as if the machine on the other side had lost power. */
  silence(): void {
    this.#silent = true;
  }

  close(): void {
    this.#front.close();
    for (const back of this.#backs.values()) back.close();
  }

  #back(clientPort: number): Socket {
    const known = this.#backs.get(clientPort);
    if (known !== undefined) return known;
    const back = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
    back.on('message', (bytes) => {
      if (!this.#silent) this.#front.send(bytes, clientPort, '127.0.0.1');
    });
    this.#backs.set(clientPort, back);
    return back;
  }
}
