import type { VirtualRuntime } from '@higgins/runtime';
import {
  type Connection,
  type ConnectOptions,
  type Listener,
  type ListenOptions,
  type ReceiverSet,
  type ReceiverSetEvents,
  type Transport,
  TransportError,
} from '../transport.js';
import type { MemoryConnection } from './connection.js';
import { Handshake } from './handshake.js';
import { MemoryListener } from './listener.js';
import type { MemoryNetwork } from './network.js';
import { MemoryReceiverSet } from './receiver-set.js';

/** The in-memory network as one process uses it; ends with the process. */
export class MemoryTransport implements Transport {
  readonly network: MemoryNetwork;
  readonly runtime: VirtualRuntime;
  readonly host: string;
  readonly #listeners = new Set<MemoryListener>();
  readonly #connections = new Set<MemoryConnection>();
  readonly #handshakes = new Set<Handshake>();
  #closed = false;

  /** Made by `MemoryNetwork.transport`. */
  constructor(network: MemoryNetwork, runtime: VirtualRuntime, host: string) {
    this.network = network;
    this.runtime = runtime;
    this.host = host;
    runtime.onEnd(() => this.#vanish());
  }

  get closed(): boolean {
    return this.#closed;
  }

  async listen(options: ListenOptions): Promise<Listener> {
    this.#assertOpen();
    if (!isOwnHost(options.host, this.host)) {
      throw new TransportError('address-invalid', `host ${options.host} is not an address of ${this.host}`);
    }
    const port = this.network.claimPort(this.host, options.port);
    const listener = new MemoryListener(this, port, options);
    this.#listeners.add(listener);
    this.network.addListener(this.host, port, listener);
    return listener;
  }

  async connect(options: ConnectOptions): Promise<Connection> {
    this.#assertOpen();
    const handshake = new Handshake(this, options);
    this.#handshakes.add(handshake);
    try {
      return await handshake.run();
    } finally {
      this.#handshakes.delete(handshake);
    }
  }

  receiverSet(events: ReceiverSetEvents): ReceiverSet {
    return new MemoryReceiverSet(this.runtime, events);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const listener of this.#listeners) listener.release();
    for (const handshake of this.#handshakes) handshake.fail('closed', 'the transport was closed');
    for (const connection of [...this.#connections]) connection.close(0, '');
  }

  /** Takes on a connection, as client or as server. */
  own(connection: MemoryConnection): void {
    this.#connections.add(connection);
    this.network.addConnection(connection);
  }

  disown(connection: MemoryConnection): void {
    this.#connections.delete(connection);
    this.network.removeConnection(connection);
  }

  /** The process died: its ports are free, and nobody is told. */
  #vanish(): void {
    this.#closed = true;
    for (const listener of this.#listeners) listener.release();
    for (const connection of this.#connections) this.network.removeConnection(connection);
  }

  #assertOpen(): void {
    if (this.#closed) throw new TransportError('closed', 'the transport is closed');
  }
}

const WILDCARD_HOSTS = ['0.0.0.0', '::', '[::]', '127.0.0.1', '::1', '[::1]', 'localhost'];

function isOwnHost(host: string, own: string): boolean {
  return host === own || WILDCARD_HOSTS.includes(host);
}
