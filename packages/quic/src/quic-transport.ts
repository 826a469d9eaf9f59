import { getCACertificates } from 'node:tls';
import {
  type Connection,
  type ConnectOptions,
  type Listener,
  type ListenOptions,
  type ReceiverSet,
  type ReceiverSetEvents,
  type Transport,
  TransportError,
} from '@higgins/transport';
import { checkPort, joinAddress, parseTarget, resolveHost } from './address.js';
import { CommandQueue, Operation } from './commands.js';
import { QuicConnection } from './connection.js';
import { translate, transportError } from './errors.js';
import { EventKind, readBatch, readPeer, text, viewOf } from './events.js';
import { quicLimits } from './limits.js';
import { QuicListener } from './listener.js';
import { loadAddon, type NativeConnectOptions, type NativeTransport } from './native.js';
import { QuicReceiverSet } from './receiver-set.js';

/** Room for the events of a turn; a batch beyond it, as streams of large objects bring it, comes in memory of its own. */
const INBOX_BYTES = 64 * 1024;

/** Options of a transport as a whole. */
export interface QuicTransportOptions {
  /**
   * Handshakes under way at a listener, beyond which clients must prove their address first (stateless retry, RFC 9000
   * §8.1.2); 0 asks it of everyone. Default 256.
   */
  readonly retryHandshakes?: number;
}

/** Totals since the transport was made, for metrics. */
export interface TransportStatistics {
  readonly datagramsSent: number;
  readonly datagramsReceived: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Established connections at this moment. */
  readonly connections: number;
  readonly connectionsAccepted: number;
  readonly connectionsRefused: number;
  readonly retriesSent: number;
}

interface Attempt {
  established(connection: Connection): void;
  failed(error: TransportError): void;
}

/**
 * Raw QUIC and WebTransport over HTTP/3, client and server, in a thread of its own. Its listeners take both kinds on
 * one UDP port. The process ends by itself once every transport is closed.
 *
 * @throws Error from the constructor, if the native addon is missing.
 */
export class QuicTransport implements Transport {
  readonly #native: NativeTransport;
  readonly #commands: CommandQueue;
  /** Where the addon puts a batch of events; overwritten by the next one. */
  readonly #inbox = new Uint8Array(INBOX_BYTES);
  readonly #inboxView = viewOf(this.#inbox);
  readonly #connections = new Map<number, QuicConnection>();
  readonly #sets = new Map<number, QuicReceiverSet>();
  readonly #listeners = new Map<number, QuicListener>();
  readonly #attempts = new Map<number, Attempt>();
  readonly #whenEnded: Promise<void>;
  #resolveEnded: () => void = () => {};
  /** Why nothing can be made any more; null while it can. */
  #ended: TransportError | null = null;

  constructor(options: QuicTransportOptions = {}) {
    const { NativeTransport } = loadAddon();
    this.#whenEnded = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    const receive = (length: number, large: Uint8Array | null) => this.#receive(length, large);
    this.#native = new NativeTransport(this.#inbox, receive, options.retryHandshakes);
    this.#commands = new CommandQueue(this.#native);
  }

  async listen(options: ListenOptions): Promise<Listener> {
    checkPort(options.port);
    const [address] = await resolveHost(options.host);
    this.#checkOpen();
    const native = translate(() =>
      this.#native.listen({
        address: joinAddress(address ?? options.host, options.port),
        ...QuicListener.native(options, options.identity, options.clientAuthoritiesPem),
      }),
    );
    const listener = new QuicListener(this.#native, native, options, () => this.#listeners.delete(native.id));
    this.#listeners.set(native.id, listener);
    return listener;
  }

  async connect(options: ConnectOptions): Promise<Connection> {
    const target = parseTarget(options.url);
    const authorities = authoritiesOf(options);
    const common: Omit<NativeConnectOptions, 'address'> = {
      serverName: target.host,
      ...(target.isWebTransport ? { url: options.url } : {}),
      protocols: options.protocols,
      ...(authorities === undefined ? {} : { authoritiesPem: authorities }),
      systemAuthorities: options.authoritiesPem === undefined,
      certificateHashes: options.certificateHashes ?? [],
      insecure: options.insecure ?? false,
      ...options.identity,
      limits: quicLimits(options.limits),
    };
    let refused: unknown;
    for (const address of await resolveHost(target.host)) {
      try {
        return await this.#attempt({ ...common, address: joinAddress(address, target.port) }, options.signal);
      } catch (error) {
        // The other addresses of a name are worth a try only if this one does not answer.
        if (!(error instanceof TransportError) || !['refused', 'timed-out'].includes(error.code)) throw error;
        refused ??= error;
      }
    }
    throw refused ?? new TransportError('address-invalid', `host ${target.host} has no address`);
  }

  receiverSet(events: ReceiverSetEvents): ReceiverSet {
    const set = new QuicReceiverSet(this.#native, this.#commands, events, (id) => this.#sets.delete(id));
    this.#sets.set(set.id, set);
    return set;
  }

  async close(): Promise<void> {
    if (this.#ended === null) {
      this.#ended = new TransportError('closed', 'the transport is closed');
      this.#commands.flush();
      this.#native.shutDown();
    }
    await this.#whenEnded;
  }

  /** Counters for metrics. */
  stats(): TransportStatistics {
    const [
      datagramsSent = 0,
      datagramsReceived = 0,
      bytesSent = 0,
      bytesReceived = 0,
      connections = 0,
      connectionsAccepted = 0,
      connectionsRefused = 0,
      retriesSent = 0,
    ] = this.#native.statistics();
    return {
      datagramsSent,
      datagramsReceived,
      bytesSent,
      bytesReceived,
      connections,
      connectionsAccepted,
      connectionsRefused,
      retriesSent,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #checkOpen(): void {
    if (this.#ended !== null) throw this.#ended;
  }

  #attempt(options: NativeConnectOptions, signal: AbortSignal | undefined): Promise<Connection> {
    this.#checkOpen();
    if (signal?.aborted) throw new TransportError('aborted', 'connecting was aborted', { cause: signal.reason });
    const id = translate(() => this.#native.connect(options));
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#attempts.delete(id);
        this.#commands.payload(QuicConnection.nothing);
        this.#commands.push(Operation.close, 2, id, 0);
        reject(new TransportError('aborted', 'connecting was aborted', { cause: signal?.reason }));
      };
      signal?.addEventListener('abort', abort, { once: true });
      const settle = () => {
        signal?.removeEventListener('abort', abort);
        this.#attempts.delete(id);
      };
      this.#attempts.set(id, {
        established: (connection) => {
          settle();
          resolve(connection);
        },
        failed: (error) => {
          settle();
          reject(
            new TransportError(error.code, `cannot connect to ${options.url ?? options.address}: ${error.message}`),
          );
        },
      });
    });
  }

  #receive(length: number, large: Uint8Array | null): void {
    try {
      if (large === null) readBatch(this.#inbox, this.#inboxView, length, this.#handle);
      else readBatch(large, viewOf(large), length, this.#handle);
    } finally {
      // What the owners answered leaves with this turn.
      this.#commands.flush();
    }
  }

  readonly #handle = (
    kind: number,
    id: number,
    stream: number,
    value: number,
    flags: number,
    bytes: Uint8Array,
  ): void => {
    if (kind >= EventKind.missed || kind <= EventKind.failed) {
      this.#handleOwn(kind, id, stream, value, bytes);
      return;
    }
    const connection = this.#connections.get(id);
    if (connection === undefined) return;
    if (kind === EventKind.closed) {
      this.#connections.delete(id);
      connection.ended({ code: Number.isNaN(value) ? null : value, reason: text(bytes), remote: flags === 1 });
      return;
    }
    const events = connection.events;
    if (events === null) {
      // The loop holds streams and datagrams back until the owner listens; these it does not.
      if (kind === EventKind.stopSending) connection.tellLater((later) => later.stopSending(stream, value));
      else if (kind === EventKind.credit) connection.tellLater((later) => later.credit(flags === 1));
      else if (kind === EventKind.drained) connection.tellLater((later) => later.drained());
      return;
    }
    switch (kind) {
      case EventKind.opened:
        events.opened(stream, flags === 1);
        break;
      case EventKind.data:
        events.data(stream, bytes, flags === 1);
        break;
      case EventKind.reset:
        events.reset(stream, value);
        break;
      case EventKind.stopSending:
        events.stopSending(stream, value);
        break;
      case EventKind.datagram:
        events.datagram(bytes);
        break;
      case EventKind.credit:
        events.credit(flags === 1);
        break;
      case EventKind.drained:
        events.drained();
        break;
    }
  };

  /** Events that are not a connection's own. */
  #handleOwn(kind: number, id: number, stream: number, value: number, bytes: Uint8Array): void {
    switch (kind) {
      case EventKind.established:
        this.#established(id, stream, bytes);
        break;
      case EventKind.failed:
        this.#attempts.get(id)?.failed(transportError(text(bytes)));
        break;
      case EventKind.missed:
      case EventKind.setDrained: {
        const [set, receiver] = [this.#sets.get(value), this.#connections.get(id)];
        if (set === undefined || receiver === undefined) break;
        if (kind === EventKind.missed) set.events.missed(receiver, stream);
        else set.events.drained(receiver);
        break;
      }
      case EventKind.ended:
        this.#end(text(bytes));
        break;
    }
  }

  #established(id: number, listenerId: number, peer: Uint8Array): void {
    const isClient = listenerId === 0;
    const connection = new QuicConnection(this.#native, this.#commands, id, readPeer(peer), isClient);
    this.#connections.set(id, connection);
    if (isClient) {
      const attempt = this.#attempts.get(id);
      if (attempt === undefined) connection.close(0, 'aborted');
      else attempt.established(connection);
      return;
    }
    const listener = this.#listeners.get(listenerId);
    if (listener === undefined) connection.close(0, 'not listening');
    else listener.accept(connection);
  }

  /** The loop is over: after `close`, or because of a panic, whose message is given then. */
  #end(panic: string): void {
    const reason = panic === '' ? 'the transport is closed' : `internal error of the transport: ${panic}`;
    this.#ended ??= new TransportError('internal', reason);
    this.#native.release();
    for (const connection of [...this.#connections.values()]) connection.ended({ code: null, reason, remote: false });
    const error = new TransportError(panic === '' ? 'closed' : 'internal', reason);
    for (const attempt of [...this.#attempts.values()]) attempt.failed(error);
    this.#connections.clear();
    this.#sets.clear();
    this.#listeners.clear();
    this.#resolveEnded();
  }
}

/** The authorities a server is judged by; undefined where its certificate is accepted in another way. */
function authoritiesOf(options: ConnectOptions): string | undefined {
  if (options.authoritiesPem !== undefined) return options.authoritiesPem;
  if (options.insecure === true || options.certificateHashes !== undefined) return undefined;
  const system = getCACertificates('system');
  if (system.length > 0) return system.join('\n');
  throw new TransportError(
    'certificate-invalid',
    'this system has no certificate authorities: authoritiesPem or certificateHashes must be given',
  );
}
