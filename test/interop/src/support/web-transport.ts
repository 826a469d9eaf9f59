import { ReadableStream, type ReadableStreamDefaultController, WritableStream } from 'node:stream/web';
import type { Connection, StreamId } from '@higgins/transport';

/** A stream error as WebTransport reports it: `streamErrorCode` is the peer's code, or ours. */
export class StreamFault extends Error {
  readonly source = 'stream';
  readonly streamErrorCode: number;
  constructor(message: string, code: number) {
    super(message);
    this.streamErrorCode = code;
  }
}

/** A ReadableStream that is fed from outside. */
class Feed<Item> {
  readonly readable: ReadableStream<Item>;
  controller!: ReadableStreamDefaultController<Item>;

  constructor(cancel: (reason: unknown) => void = () => {}) {
    this.readable = new ReadableStream({
      start: (controller) => {
        this.controller = controller;
      },
      cancel,
    });
  }
}

/** A pair of streams, as `createBidirectionalStream` returns it. */
export interface DuplexStream {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

/** Of a stream that states none. */
const PRIORITY = 128;
/** Bytes on their way, up to which a writer is not held back. */
const BACKLOG_BYTES = 1024 * 1024;
/** The draft leaves the code of a stream that is abandoned without one to the application: CANCELLED (§3.3.3). */
const CANCELLED = 1;

export interface ShapeOptions {
  /** When bidirectional streams of the peer are handed on; the beginning if absent. */
  readonly requestsAfter?: Promise<void>;
  /** Streams end with the session instead of failing, and a lost one closes: `@moq/net` leaves failures unhandled. */
  readonly quietEnd?: boolean;
}

/** What of `WebTransportSendStreamOptions` counts here. */
interface SendOptions {
  readonly sendOrder?: number;
}

/**
 * A connection in the shape of the W3C WebTransport interface, for implementations that know nothing else; raw QUIC
 * and WebTransport alike, either end. What a reader does not take waits here without a bound: for tests.
 */
export class WebTransportShape {
  readonly ready: Promise<void> = Promise.resolve();
  readonly closed: Promise<{ closeCode: number; reason: string }>;
  readonly protocol: string;
  readonly congestionControl = 'default';
  readonly reliability = 'supports-unreliable';
  readonly #connection: Connection;
  readonly #bidirectional = new Feed<DuplexStream>();
  readonly #unidirectional = new Feed<ReadableStream<Uint8Array>>();
  readonly #datagrams = new Feed<Uint8Array>();
  readonly #receiving = new Map<StreamId, Feed<Uint8Array>>();
  readonly #stops = new Map<StreamId, (fault: StreamFault) => void>();
  readonly #waiting: (() => void)[] = [];
  readonly #options: ShapeOptions;
  #ended = false;

  constructor(connection: Connection, options: ShapeOptions = {}) {
    this.#connection = connection;
    this.#options = options;
    this.protocol = connection.peer.protocol;
    this.closed = new Promise((resolve, reject) => {
      connection.listen({
        opened: (stream, bidirectional) => this.#opened(stream, bidirectional),
        data: (stream, bytes, fin) => this.#data(stream, bytes, fin),
        reset: (stream, code) => this.#reset(stream, code),
        stopSending: (stream, code) => this.#stopSending(stream, code),
        datagram: (bytes) => this.#datagrams.controller.enqueue(bytes.slice()),
        credit: () => this.#wake(),
        drained: () => this.#wake(),
        closed: (info) => {
          this.#end();
          if (info.code !== null || options.quietEnd) resolve({ closeCode: info.code ?? 0, reason: info.reason });
          else reject(new Error(info.reason));
        },
      });
    });
  }

  get incomingBidirectionalStreams(): ReadableStream<DuplexStream> {
    return this.#bidirectional.readable;
  }

  get incomingUnidirectionalStreams(): ReadableStream<ReadableStream<Uint8Array>> {
    return this.#unidirectional.readable;
  }

  readonly datagrams = {
    readable: this.#datagrams.readable,
    writable: new WritableStream<Uint8Array>({ write: (bytes) => void this.#connection.datagram(bytes.slice()) }),
    maxDatagramSize: 1200,
  };

  async createBidirectionalStream(options: SendOptions = {}): Promise<DuplexStream> {
    const stream = await this.#open(true, options);
    return { readable: this.#readable(stream), writable: this.#writable(stream) };
  }

  async createUnidirectionalStream(options: SendOptions = {}): Promise<WritableStream<Uint8Array>> {
    return this.#writable(await this.#open(false, options));
  }

  close(info: { closeCode?: number; reason?: string } = {}): void {
    this.#connection.close(info.closeCode ?? 0, info.reason ?? '');
  }

  #opened(stream: StreamId, bidirectional: boolean): void {
    const readable = this.#readable(stream);
    if (!bidirectional) {
      this.#unidirectional.controller.enqueue(readable);
      return;
    }
    const duplex = { readable, writable: this.#writable(stream) };
    const { requestsAfter } = this.#options;
    if (requestsAfter === undefined) this.#bidirectional.controller.enqueue(duplex);
    else void requestsAfter.then(() => this.#ended || this.#bidirectional.controller.enqueue(duplex));
  }

  #data(stream: StreamId, bytes: Uint8Array, fin: boolean): void {
    const controller = this.#receiving.get(stream)?.controller;
    if (bytes.length > 0) controller?.enqueue(bytes.slice());
    if (!fin) return;
    controller?.close();
    this.#receiving.delete(stream);
  }

  #reset(stream: StreamId, code: number): void {
    this.#receiving.get(stream)?.controller.error(new StreamFault('the peer reset the stream', code));
    this.#receiving.delete(stream);
  }

  #stopSending(stream: StreamId, code: number): void {
    this.#stops.get(stream)?.(new StreamFault('the peer asked to stop sending', code));
    this.#stops.delete(stream);
    // WebTransport resets by itself, with the same code.
    this.#connection.reset(stream, code);
  }

  #readable(stream: StreamId): ReadableStream<Uint8Array> {
    const feed = new Feed<Uint8Array>((reason) => {
      this.#receiving.delete(stream);
      this.#connection.stopSending(stream, codeOf(reason));
    });
    this.#receiving.set(stream, feed);
    return feed.readable;
  }

  #writable(stream: StreamId): WritableStream<Uint8Array> {
    return new WritableStream({
      start: (controller) => {
        this.#stops.set(stream, (fault) => controller.error(fault));
      },
      write: async (bytes: Uint8Array) => {
        this.#connection.write(stream, bytes.slice(), false);
        await this.#drained(BACKLOG_BYTES);
      },
      close: async () => {
        this.#stops.delete(stream);
        this.#connection.write(stream, new Uint8Array(0), true);
        await this.#drained(1);
      },
      abort: (reason) => {
        this.#stops.delete(stream);
        this.#connection.reset(stream, codeOf(reason));
      },
    });
  }

  async #open(bidirectional: boolean, { sendOrder = -PRIORITY }: SendOptions): Promise<StreamId> {
    for (;;) {
      if (this.#ended) throw new Error('the session is closed');
      const stream = this.#connection.open(bidirectional, Math.max(0, -sendOrder));
      if (stream !== null) return stream;
      await this.#woken();
    }
  }

  async #drained(belowBytes: number): Promise<void> {
    while (!this.#ended && this.#connection.backlogBytes() >= belowBytes) {
      this.#connection.notifyBacklogBelow(belowBytes);
      await this.#woken();
    }
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const go of this.#waiting.splice(0)) go();
  }

  #end(): void {
    this.#ended = true;
    const lost = new Error('the session is over');
    for (const { controller } of this.#receiving.values()) {
      if (this.#options.quietEnd) controller.close();
      else controller.error(lost);
    }
    this.#receiving.clear();
    this.#stops.clear();
    for (const { controller } of [this.#bidirectional, this.#unidirectional, this.#datagrams]) controller.close();
    this.#wake();
  }
}

function codeOf(reason: unknown): number {
  return reason instanceof StreamFault ? reason.streamErrorCode : CANCELLED;
}
