import type { VirtualRuntime } from '@higgins/runtime';
import { resolveLimits } from '../limits.js';
import type { ConnectionLimits, Identity, Listener, ListenOptions } from '../transport.js';
import { checkedIdentity } from './certificates.js';
import type { MemoryConnection } from './connection.js';
import type { MemoryTransport } from './transport.js';

/** A listening port of the in-memory network. */
export class MemoryListener implements Listener {
  readonly host: string;
  readonly port: number;
  readonly limits: ConnectionLimits;
  readonly transport: MemoryTransport;
  readonly #options: ListenOptions;
  #identity: Identity;
  #clientAuthorities: string | undefined;
  #closed = false;

  /** Made by `MemoryTransport.listen`. Throws a TransportError (`certificate-invalid`). */
  constructor(transport: MemoryTransport, port: number, options: ListenOptions) {
    this.transport = transport;
    this.host = options.host;
    this.port = port;
    this.limits = resolveLimits(options.limits);
    this.#options = options;
    this.#identity = checkedIdentity(options.identity);
    this.#clientAuthorities = options.clientAuthoritiesPem;
  }

  get runtime(): VirtualRuntime {
    return this.transport.runtime;
  }

  get identity(): Identity {
    return this.#identity;
  }

  get clientAuthorities(): string | undefined {
    return this.#clientAuthorities;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The first protocol of ours that the client offers, or null. */
  choose(offered: readonly string[]): string | null {
    return this.#options.protocols.find((protocol) => offered.includes(protocol)) ?? null;
  }

  accept(connection: MemoryConnection): void {
    this.transport.network.world.entered();
    this.#options.accept(connection);
  }

  reload(identity: Identity, clientAuthoritiesPem?: string): void {
    this.#identity = checkedIdentity(identity);
    if (clientAuthoritiesPem !== undefined) this.#clientAuthorities = clientAuthoritiesPem;
  }

  async close(): Promise<void> {
    this.release();
  }

  /** Frees the port. */
  release(): void {
    this.#closed = true;
    this.transport.network.removeListener(this.transport.host, this.port, this);
  }
}
