import { type Connection, type Listener, type PeerInfo, type ReceiverSet, TransportError } from '@higgins/transport';
import { QuicTransport } from '../../quic-transport.js';
import type { Call, RemoteEvent, RemoteFailure } from './protocol.js';

/** Does what the page asks, with the native transport, and keeps what happens until the page fetches it. */
export class RemoteServer {
  #transport = new QuicTransport();
  readonly #listeners = new Map<number, Listener>();
  readonly #connections = new Map<number, Connection>();
  readonly #numbers = new Map<Connection, number>();
  readonly #sets = new Map<number, ReceiverSet>();
  #events: RemoteEvent[] = [];
  #told = 0;
  #wake: (() => void) | null = null;

  /** Starts anew: for the next case. */
  async restart(): Promise<void> {
    await this.#transport.close();
    for (const kept of [this.#listeners, this.#connections, this.#numbers, this.#sets]) kept.clear();
    this.#events = [];
    this.#told = 0;
    this.#transport = new QuicTransport();
  }

  close(): Promise<void> {
    this.#wake?.();
    return this.#transport.close();
  }

  /** Resolves with all events since the last time, as soon as there is one; with none when the transport is closed. */
  async events(): Promise<readonly RemoteEvent[]> {
    if (this.#events.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#events.splice(0);
  }

  /** Resolves with the answer. Calls that need not wait are done before this returns. */
  call(call: Call, bytes: Uint8Array): unknown {
    switch (call.op) {
      case 'listen':
        return this.#listen(call);
      case 'close-listener':
        return this.#listeners.get(call.listener)?.close();
      case 'close-transport':
        return this.#transport.close().then(() => this.#wake?.());
      case 'count':
        // What has reached the transport by now is told in its next turn.
        return new Promise((resolve) => setImmediate(() => resolve(this.#told)));
      case 'make-set':
        return this.#makeSet(call.set);
      default:
        return 'set' in call ? this.#callSet(call, bytes) : this.#callConnection(call, bytes);
    }
  }

  async #listen({ listener, options }: Extract<Call, { op: 'listen' }>): Promise<unknown> {
    try {
      const made = await this.#transport.listen({
        ...options,
        accept: (connection) => this.#accepted(listener, connection),
      });
      this.#listeners.set(listener, made);
      return { host: made.host, port: made.port };
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      return { code: error.code, message: error.message } satisfies RemoteFailure;
    }
  }

  #accepted(listener: number, connection: Connection): void {
    const number = this.#connections.size + 1;
    this.#connections.set(number, connection);
    this.#numbers.set(connection, number);
    const { address, kind, protocol, authority, path, certificateError } = connection.peer;
    const peer: PeerInfo = { address, kind, protocol, authority, path, certificate: null, certificateError };
    this.#tell({ on: 'accepted', listener, connection: number, peer });
  }

  #callConnection(
    call: Exclude<Call, { set: number } | { listener: number } | { op: 'close-transport' | 'count' }>,
    bytes: Uint8Array,
  ): unknown {
    const connection = this.#connections.get(call.connection);
    if (connection === undefined) throw new Error(`no connection ${call.connection}`);
    switch (call.op) {
      case 'listen-to':
        return this.#listenTo(call.connection, connection);
      case 'open':
        return connection.open(call.bidirectional, call.priority);
      case 'write':
        return connection.write(call.stream, bytes, call.fin);
      case 'reset':
        return connection.reset(call.stream, call.code);
      case 'stop-sending':
        return connection.stopSending(call.stream, call.code);
      case 'set-priority':
        return connection.setPriority(call.stream, call.priority);
      case 'datagram':
        return connection.datagram(bytes);
      case 'backlog':
        return connection.backlogBytes();
      case 'notify-backlog':
        return connection.notifyBacklogBelow(call.bytes);
      case 'close':
        return connection.close(call.code, call.reason);
    }
  }

  #listenTo(connection: number, target: Connection): void {
    const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
    target.listen({
      opened: (stream, bidirectional) => this.#tell({ on: 'opened', connection, stream, bidirectional }),
      data: (stream, bytes, fin) => this.#tell({ on: 'data', connection, stream, bytes: base64(bytes), fin }),
      reset: (stream, code) => this.#tell({ on: 'reset', connection, stream, code }),
      stopSending: (stream, code) => this.#tell({ on: 'stop-sending', connection, stream, code }),
      datagram: (bytes) => this.#tell({ on: 'datagram', connection, bytes: base64(bytes) }),
      credit: (bidirectional) => this.#tell({ on: 'credit', connection, bidirectional }),
      drained: () => this.#tell({ on: 'drained', connection }),
      closed: (info) => this.#tell({ on: 'closed', connection, info }),
    });
  }

  #makeSet(set: number): void {
    const numberOf = (receiver: Connection) => this.#numbers.get(receiver) ?? 0;
    const made = this.#transport.receiverSet({
      missed: (receiver, group) => this.#tell({ on: 'missed', set, connection: numberOf(receiver), group }),
      drained: (receiver) => this.#tell({ on: 'set-drained', set, connection: numberOf(receiver) }),
    });
    this.#sets.set(set, made);
  }

  #callSet(call: Extract<Call, { set: number }>, bytes: Uint8Array): unknown {
    const set = this.#sets.get(call.set);
    const receiver = 'connection' in call ? this.#connections.get(call.connection) : undefined;
    if (set === undefined) throw new Error(`no set ${call.set}`);
    switch (call.op) {
      case 'set-open':
        return set.open(call.group, bytes, call);
      case 'set-append':
        return set.append(call.group, bytes, call.fin);
      case 'set-reset':
        return set.reset(call.group, call.code);
      case 'set-close':
        return set.close();
      case 'set-add':
        return receiver && set.add(receiver, call.priority);
      case 'set-priority-of':
        return receiver && set.setPriority(receiver, call.priority);
      case 'set-remove':
        return receiver && (call.code === null ? set.remove(receiver) : set.remove(receiver, call.code));
    }
    return undefined;
  }

  #tell(event: RemoteEvent): void {
    this.#told += 1;
    this.#events.push(event);
    this.#wake?.();
    this.#wake = null;
  }
}
