import type { VirtualRuntime, VirtualWorld } from '@higgins/runtime';
import { TransportError } from '../transport.js';
import type { MemoryConnection } from './connection.js';
import { HostReading } from './host-reading.js';
import { DEFAULT_LINK, Link, type LinkOptions } from './link.js';
import type { MemoryListener } from './listener.js';
import { MemoryTransport } from './transport.js';

export interface MemoryNetworkOptions {
  /** What links are like unless `link(...).configure` says otherwise. */
  readonly link?: Partial<LinkOptions>;
  /** Authorities that clients trust which name none; one name per line. Default: none. */
  readonly systemAuthorities?: string;
  /**
   * Lends received bytes for the time of the call and overwrites them afterwards, as a real transport's buffer is
   * (default). False saves the copy in very large worlds.
   */
  readonly overwriteLentBytes?: boolean;
}

/** The largest piece that is lent at once: a burst on a fast link. */
const SCRATCH_BYTES = 64 * 1024;
const EPHEMERAL_PORT_MIN = 32_768;
const PORT_MAX = 65_535;

/**
 * A network inside a virtual world: hosts, the links between them, and what listens where.
 *
 * Every direction between two hosts is a link of its own. All that happens is an event of the world, so a run follows
 * from the world's seed.
 */
export class MemoryNetwork {
  readonly world: VirtualWorld;
  readonly systemAuthorities: string;
  /** See `overwriteLentBytes`. */
  readonly scratch: Uint8Array | null;
  readonly #linkOptions: LinkOptions;
  readonly #links = new Map<string, Link>();
  readonly #listeners = new Map<string, MemoryListener>();
  readonly #hosts = new Map<string, VirtualRuntime>();
  readonly #readings = new Map<string, HostReading>();
  readonly #connections = new Set<MemoryConnection>();
  #nextPort = EPHEMERAL_PORT_MIN;
  #nextConnection = 1;

  constructor(world: VirtualWorld, options: MemoryNetworkOptions = {}) {
    this.world = world;
    this.systemAuthorities = options.systemAuthorities ?? '';
    this.scratch = (options.overwriteLentBytes ?? true) ? new Uint8Array(SCRATCH_BYTES) : null;
    this.#linkOptions = { ...DEFAULT_LINK, ...options.link };
  }

  /** The network as one process uses it. `host`: the name under which others reach it; default: the machine's. */
  transport(runtime: VirtualRuntime, host = runtime.machine.name): MemoryTransport {
    this.#hosts.set(host, runtime);
    return new MemoryTransport(this, runtime, host);
  }

  /** The link from one host to another. */
  link(from: string, to: string): Link {
    const key = `${from}>${to}`;
    let link = this.#links.get(key);
    if (link === undefined) {
      link = new Link(this.world, from, to, this.#linkOptions);
      this.#links.set(key, link);
    }
    return link;
  }

  /** Configures both directions between two hosts. */
  configure(left: string, right: string, options: Partial<LinkOptions>): void {
    this.link(left, right).configure(options);
    this.link(right, left).configure(options);
  }

  /** Lets nothing pass between two hosts, in either direction. For one direction alone: `link(from, to).block()`. */
  partition(left: string, right: string): void {
    this.link(left, right).block();
    this.link(right, left).block();
  }

  heal(left: string, right: string): void {
    this.link(left, right).unblock();
    this.link(right, left).unblock();
  }

  healAll(): void {
    for (const link of this.#links.values()) link.unblock();
  }

  /** Resets every connection between two hosts, as a middlebox that lost its state does: both ends hear of it. */
  resetConnections(left: string, right: string): void {
    for (const connection of [...this.#connections]) {
      const { from, to } = connection.link;
      if ((from === left && to === right) || (from === right && to === left)) this.#reset(connection);
    }
  }

  /** Resets every connection of a host, as `resetConnections` does. */
  resetHost(host: string): void {
    for (const connection of [...this.#connections]) {
      const { from, to } = connection.link;
      if (from === host || to === host) this.#reset(connection);
    }
  }

  /** How fast programs on a host read what has arrived for them, per connection; see `HostReading`. */
  reading(host: string): HostReading {
    let reading = this.#readings.get(host);
    if (reading === undefined) {
      reading = new HostReading();
      this.#readings.set(host, reading);
    }
    return reading;
  }

  // For transports, listeners and handshakes.

  /** Whether a process has a transport at that host: if it runs but does not listen, it refuses. */
  answers(host: string): boolean {
    return this.#hosts.get(host)?.state === 'running';
  }

  listenerAt(host: string, port: number): MemoryListener | undefined {
    return this.#listeners.get(`${host}:${port}`);
  }

  /** Takes the port for a listener; 0 picks a free one. Throws a TransportError (`address-in-use`, `address-invalid`). */
  claimPort(host: string, port: number): number {
    if (!Number.isInteger(port) || port < 0 || port > PORT_MAX) {
      throw new TransportError('address-invalid', `port is ${port}, expected 0 to ${PORT_MAX}`);
    }
    if (port !== 0) {
      if (this.#listeners.has(`${host}:${port}`)) {
        throw new TransportError('address-in-use', `${host}:${port} is in use by another listener`);
      }
      return port;
    }
    let free = this.freePort();
    while (this.#listeners.has(`${host}:${free}`)) free = this.freePort();
    return free;
  }

  freePort(): number {
    const port = this.#nextPort;
    this.#nextPort = port === PORT_MAX ? EPHEMERAL_PORT_MIN : port + 1;
    return port;
  }

  addListener(host: string, port: number, listener: MemoryListener): void {
    this.#listeners.set(`${host}:${port}`, listener);
  }

  removeListener(host: string, port: number, listener: MemoryListener): void {
    if (this.#listeners.get(`${host}:${port}`) === listener) this.#listeners.delete(`${host}:${port}`);
  }

  nextConnectionId(): number {
    this.#nextConnection += 1;
    return this.#nextConnection - 1;
  }

  addConnection(connection: MemoryConnection): void {
    this.#connections.add(connection);
  }

  removeConnection(connection: MemoryConnection): void {
    this.#connections.delete(connection);
  }

  #reset(connection: MemoryConnection): void {
    this.world.schedule(this.world.nowMs, () => {
      connection.runtime.deliver(() => {
        if (!connection.closed) connection.lose('connection reset by the network');
      });
    });
  }
}
