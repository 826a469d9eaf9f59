import { resolveLimits } from '../limits.js';
import {
  type Connection,
  type ConnectionLimits,
  type ConnectOptions,
  type PeerInfo,
  TransportError,
  type TransportErrorCode,
} from '../transport.js';
import {
  certificateOf,
  checkedIdentity,
  encodeCertificate,
  judgeCertificate,
  memoryCertificateHash,
} from './certificates.js';
import { MemoryConnection } from './connection.js';
import type { Link } from './link.js';
import type { MemoryListener } from './listener.js';
import type { MemoryTransport } from './transport.js';
import { type MemoryUrl, parseUrl } from './url.js';

/** How long an attempt waits for an answer. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * One attempt to connect: a round trip until the client has its connection, and half of one more until the server has
 * seen the client's certificate and accepts.
 */
export class Handshake {
  readonly #transport: MemoryTransport;
  readonly #options: ConnectOptions;
  readonly #url: MemoryUrl;
  readonly #limits: ConnectionLimits;
  readonly #there: Link;
  readonly #back: Link;
  readonly #port: number;
  #resolve: (connection: Connection) => void = () => {};
  #reject: (error: TransportError) => void = () => {};
  #over = false;
  #timer: Disposable | null = null;

  /** Throws a TransportError (`address-invalid`, `certificate-invalid`). */
  constructor(transport: MemoryTransport, options: ConnectOptions) {
    this.#transport = transport;
    this.#options = options;
    this.#url = parseUrl(options.url, transport.host);
    this.#limits = resolveLimits(options.limits);
    if (options.identity !== undefined) checkedIdentity(options.identity);
    this.#there = transport.network.link(transport.host, this.#url.host);
    this.#back = transport.network.link(this.#url.host, transport.host);
    this.#port = transport.network.freePort();
  }

  run(): Promise<Connection> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      const { signal } = this.#options;
      if (signal?.aborted) {
        this.#abort();
        return;
      }
      signal?.addEventListener('abort', this.#abort, { once: true });
      const { runtime } = this.#transport;
      this.#timer = runtime.at(runtime.bootMs() + HANDSHAKE_TIMEOUT_MS, () => {
        this.fail('timed-out', `${this.#url.address} did not answer within ${HANDSHAKE_TIMEOUT_MS} ms`);
      });
      this.#there.sendControl(null, () => this.#reachServer());
    });
  }

  /** Ends the attempt; does nothing if it has ended. */
  fail(code: TransportErrorCode, message: string): void {
    if (!this.#finish()) return;
    this.#transport.network.world.entered();
    this.#reject(new TransportError(code, message));
  }

  #finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#timer?.[Symbol.dispose]();
    this.#options.signal?.removeEventListener('abort', this.#abort);
    return true;
  }

  readonly #abort = (): void => this.fail('aborted', 'the attempt to connect was aborted');

  #reachServer(): void {
    const { network } = this.#transport;
    const listener = network.listenerAt(this.#url.host, this.#url.port);
    if (listener !== undefined) listener.runtime.deliver(() => this.#greet(listener));
    else if (network.answers(this.#url.host)) this.#refuse();
  }

  #refuse(): void {
    this.#answer(() => this.fail('refused', `${this.#url.address} refused the connection`));
  }

  /** A step of the server. */
  #greet(listener: MemoryListener): void {
    if (listener.closed) {
      this.#refuse();
      return;
    }
    const protocol = listener.choose(this.#options.protocols);
    if (protocol === null) {
      const offered = this.#options.protocols.join(', ');
      this.#answer(() =>
        this.fail('protocol-mismatch', `${this.#url.address} speaks none of the protocols ${offered}`),
      );
      return;
    }
    const { identity } = listener;
    this.#answer(() => this.#judgeServer(listener, protocol, identity));
  }

  /** A step of the client. */
  #judgeServer(listener: MemoryListener, protocol: string, identity: MemoryListener['identity']): void {
    if (this.#over) return;
    const problem = this.#problemWith(identity);
    if (problem !== null) {
      this.fail('certificate-rejected', `the certificate of ${this.#url.address} was rejected: ${problem}`);
      return;
    }
    this.#finish();
    const client = this.#clientEnd(listener, protocol, identity);
    const server = this.#serverEnd(listener, protocol);
    client.join(server);
    server.join(client);
    // The server's process may be gone, or its listener closed, when the client's last flight comes.
    this.#there.sendControl(listener.runtime, () => {
      listener.transport.own(server);
      if (listener.closed) server.close(0, 'the listener was closed');
      else listener.accept(server);
    });
    this.#transport.network.world.entered();
    this.#resolve(client);
  }

  #problemWith(identity: MemoryListener['identity']): string | null {
    const { insecure, certificateHashes, authoritiesPem } = this.#options;
    if (insecure === true) return null;
    if (certificateHashes !== undefined && certificateHashes.length > 0) {
      const hash = memoryCertificateHash(identity);
      return certificateHashes.some((known) => sameBytes(known, hash)) ? null : 'unknown hash';
    }
    const certificate = certificateOf(identity);
    const { network, runtime } = this.#transport;
    const authorities = authoritiesPem ?? network.systemAuthorities;
    const hosts = certificate?.hosts;
    if (hosts !== undefined && !hosts.includes(this.#url.host)) return `it does not name ${this.#url.host}`;
    return judgeCertificate(certificate, authorities, runtime.wallMs());
  }

  #clientEnd(listener: MemoryListener, protocol: string, identity: MemoryListener['identity']): MemoryConnection {
    const peer = this.#peer(this.#url.address, protocol, encodeCertificate(identity), null);
    return this.#end(this.#transport, true, peer, this.#there, this.#limits, listener.limits);
  }

  #serverEnd(listener: MemoryListener, protocol: string): MemoryConnection {
    const { identity } = this.#options;
    const problem = judgeCertificate(certificateOf(identity), listener.clientAuthorities, listener.runtime.wallMs());
    const certificate = identity === undefined ? null : encodeCertificate(identity);
    const peer = this.#peer(`${this.#transport.host}:${this.#port}`, protocol, certificate, problem);
    return this.#end(listener.transport, false, peer, this.#back, listener.limits, this.#limits);
  }

  #peer(address: string, protocol: string, certificate: Uint8Array | null, problem: string | null): PeerInfo {
    const { authority, path } = this.#url;
    return { address, kind: 'memory', protocol, authority, path, certificate, certificateError: problem };
  }

  #end(
    transport: MemoryTransport,
    client: boolean,
    peer: PeerInfo,
    link: Link,
    limits: ConnectionLimits,
    peerLimits: ConnectionLimits,
  ): MemoryConnection {
    const { network, runtime } = transport;
    const id = network.nextConnectionId();
    const { scratch } = network;
    const ended = (connection: MemoryConnection) => transport.disown(connection);
    const reading = network.reading(transport.host);
    const end = new MemoryConnection({ id, client, peer, runtime, link, reading, limits, peerLimits, scratch, ended });
    if (client) transport.own(end);
    return end;
  }

  #answer(run: () => void): void {
    this.#back.sendControl(this.#transport.runtime, run);
  }
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
