import type { QuicTransport } from '@higgins/quic';
import type {
  W3cConnectOptions,
  W3cDatagrams,
  W3cDuplex,
  W3cReadable,
  W3cSendOptions,
  W3cWebTransport,
  W3cWebTransportConstructor,
  W3cWritable,
} from '@higgins/transport/webtransport';
import { StreamFault, WebTransportShape } from '../support/web-transport.js';

/** The constructor of the W3C interface, over a native transport: what a package for Node would bring. */
export function webTransportOver(transport: QuicTransport): W3cWebTransportConstructor {
  return class NodeWebTransport implements W3cWebTransport {
    readonly ready: Promise<void>;
    readonly closed: Promise<{ closeCode: number; reason: string }>;
    readonly #attempt = new AbortController();
    #shape: WebTransportShape | null = null;

    constructor(url: string, { protocols, serverCertificateHashes = [] }: W3cConnectOptions) {
      const certificateHashes = serverCertificateHashes.map(({ value }) => value);
      const connected = transport.connect({ url, protocols, certificateHashes, signal: this.#attempt.signal });
      const shape = connected.then((connection) => new WebTransportShape(connection));
      this.ready = shape.then((made) => {
        this.#shape = made;
      });
      this.closed = shape.then((made) => made.closed);
      for (const promise of [this.ready, this.closed]) promise.catch(() => {});
    }

    get protocol(): string {
      return this.#made.protocol;
    }

    get incomingBidirectionalStreams(): W3cReadable<W3cDuplex> {
      return this.#made.incomingBidirectionalStreams;
    }

    get incomingUnidirectionalStreams(): W3cReadable<W3cReadable<Uint8Array>> {
      return this.#made.incomingUnidirectionalStreams;
    }

    get datagrams(): W3cDatagrams {
      return this.#made.datagrams;
    }

    createBidirectionalStream(options?: W3cSendOptions): Promise<W3cDuplex> {
      return this.#made.createBidirectionalStream(options);
    }

    createUnidirectionalStream(options?: W3cSendOptions): Promise<W3cWritable> {
      return this.#made.createUnidirectionalStream(options);
    }

    close(info?: { closeCode?: number; reason?: string }): void {
      if (this.#shape === null) this.#attempt.abort();
      else this.#shape.close(info);
    }

    get #made(): WebTransportShape {
      if (this.#shape === null) throw new Error('the session is not ready');
      return this.#shape;
    }
  };
}

/** Carries a code to the peer. */
export class NodeWebTransportError extends StreamFault {
  constructor(message: unknown, options: unknown) {
    super(String(message), (options as { streamErrorCode: number }).streamErrorCode);
  }
}
