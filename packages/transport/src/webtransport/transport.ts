import { resolveLimits } from '../limits.js';
import {
  type Connection,
  type ConnectOptions,
  type Listener,
  type ReceiverSet,
  type Transport,
  TransportError,
} from '../transport.js';
import { WebTransportConnection } from './connection.js';
import type { W3cErrorConstructor, W3cWebTransport, W3cWebTransportConstructor } from './w3c.js';

export interface WebTransportOptions {
  /** Default: the one of the browser. */
  readonly WebTransport?: W3cWebTransportConstructor;
  /** Default: the one of the browser. */
  readonly WebTransportError?: W3cErrorConstructor;
}

/**
 * The browser's own WebTransport, or any implementation of its shape, as a transport: it connects to `https://` URLs.
 *
 * A browser judges certificates by itself or by `certificateHashes` and has no certificate of its own, so `connect`
 * refuses `authoritiesPem`, `insecure` and `identity`. It tells that an attempt failed, not why: the error is
 * `refused`. Chromium sends codes of resets and STOP_SENDING above 255 as 255. Of the limits, `backlogBytesMax` holds; the others are the browser's. Bytes of a stream that has not ended
 * count as outstanding until the browser has taken them, those of its end until they are acknowledged.
 */
export class WebTransportTransport implements Transport {
  readonly #options: WebTransportOptions;
  readonly #connections = new Set<Connection>();
  #nextId = 1;
  #closed = false;

  constructor(options: WebTransportOptions = {}) {
    this.#options = options;
  }

  /** Rejects with a TransportError: a browser cannot listen. */
  listen(): Promise<Listener> {
    return Promise.reject(new TransportError('unsupported', 'a browser cannot listen: expected another transport'));
  }

  async connect(options: ConnectOptions): Promise<Connection> {
    this.#checkOpen();
    const target = targetOf(options.url);
    checkTrust(options);
    const { WebTransport, WebTransportError } = this.#constructors();
    const { backlogBytesMax } = resolveLimits(options.limits);
    if (options.signal?.aborted) throw aborted(options.url);
    const session = new WebTransport(options.url, {
      protocols: options.protocols,
      requireUnreliable: true,
      ...hashesOf(options),
    });
    await ready(session, options);
    if (this.#closed) session.close();
    this.#checkOpen();
    const protocol = chosenProtocol(session, options);
    const connection: WebTransportConnection = new WebTransportConnection(session, {
      id: this.#nextId,
      peer: { ...target, kind: 'webtransport', protocol, certificate: null, certificateError: null },
      WebTransportError,
      backlogBytesMax,
      onClosed: () => this.#connections.delete(connection),
    });
    this.#nextId += 1;
    this.#connections.add(connection);
    return connection;
  }

  /** Throws a TransportError: sets are for those who listen. */
  receiverSet(): ReceiverSet {
    throw new TransportError('unsupported', 'a browser has no receiver sets: expected a transport that listens');
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const connection of this.#connections) connection.close(0, 'the transport was closed');
    return Promise.resolve();
  }

  #checkOpen(): void {
    if (this.#closed) throw new TransportError('closed', 'the transport is closed');
  }

  #constructors(): Required<WebTransportOptions> {
    const browser = globalThis as WebTransportOptions;
    const { WebTransport = browser.WebTransport, WebTransportError = browser.WebTransportError } = this.#options;
    if (WebTransport !== undefined && WebTransportError !== undefined) return { WebTransport, WebTransportError };
    throw new TransportError('unsupported', 'there is no WebTransport here: expected a browser that has it');
  }
}

function targetOf(url: string): { address: string; authority: string; path: string } {
  const match = /^https:\/\/((?:\[[0-9A-Fa-f:.]+\]|[^:/?#\s[\]]+)(?::\d{1,5})?)([/?][^#\s]*)?$/.exec(url);
  if (match === null) {
    throw new TransportError(
      'address-invalid',
      `url is ${url}, expected https://host:port/path: a browser has no other`,
    );
  }
  const authority = match[1] ?? '';
  return { address: /:\d+$/.test(authority) ? authority : `${authority}:443`, authority, path: match[2] ?? '/' };
}

function checkTrust({ authoritiesPem, insecure, identity }: ConnectOptions): void {
  if (authoritiesPem === undefined && !insecure && identity === undefined) return;
  const message = 'a browser judges certificates by itself: expected no authoritiesPem, insecure or identity';
  throw new TransportError('certificate-invalid', message);
}

function hashesOf({ certificateHashes = [] }: ConnectOptions) {
  if (certificateHashes.length === 0) return {};
  return {
    serverCertificateHashes: certificateHashes.map((value) => ({ algorithm: 'sha-256' as const, value })),
  };
}

async function ready(session: W3cWebTransport, { url, signal }: ConnectOptions): Promise<void> {
  // Both reject when the attempt fails.
  session.closed.catch(() => {});
  const stop = () => session.close();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    await session.ready;
  } catch (cause) {
    if (signal?.aborted) throw aborted(url);
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TransportError('refused', `cannot connect to ${url}: ${reason}`, { cause });
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

function chosenProtocol(session: W3cWebTransport, { url, protocols }: ConnectOptions): string {
  const { protocol = '' } = session;
  if (protocols.includes(protocol)) return protocol;
  session.close();
  const message = `${url} chose the protocol "${protocol}", expected one of ${protocols.join(', ')}`;
  throw new TransportError('protocol-mismatch', message);
}

function aborted(url: string): TransportError {
  return new TransportError('aborted', `the attempt to connect to ${url} was aborted`);
}
