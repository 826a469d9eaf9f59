import type { CloseInfo, Connection, ConnectionEvents, PeerInfo, SharedBytes, StreamId } from '../transport.js';
import { ReceiveStreams } from './receive-streams.js';
import { SendStream } from './send-stream.js';
import {
  streamError,
  type W3cErrorConstructor,
  type W3cReadable,
  type W3cWebTransport,
  type W3cWriter,
} from './w3c.js';

export interface WebTransportConnectionOptions {
  readonly id: number;
  readonly peer: PeerInfo;
  readonly WebTransportError: W3cErrorConstructor;
  /** Bytes written and not acknowledged, beyond which the connection is closed as too slow. */
  readonly backlogBytesMax: number;
  onClosed?(): void;
}

/**
 * Streams that the browser may be opening at a time. It does not tell the peer's credit, so streams wait for it inside
 * the browser; beyond this many, `open` returns null.
 */
const OPENING_STREAMS_MAX = 256;
/** Datagrams that the browser may have before it; what comes on top is not accepted. */
const DATAGRAMS_WAITING_MAX = 64;
/** Of a stream of the peer's, whose priority is ours to set. */
const DEFAULT_PRIORITY = 128;

/** A session of W3C shape as a connection. */
export class WebTransportConnection implements Connection {
  readonly id: number;
  readonly peer: PeerInfo;
  readonly #session: W3cWebTransport;
  readonly #options: WebTransportConnectionOptions;
  readonly #sending = new Map<StreamId, SendStream>();
  readonly #receiving: ReceiveStreams;
  readonly #listening: Promise<ConnectionEvents>;
  readonly #datagramWriter: W3cWriter;
  #startListening: (events: ConnectionEvents) => void = () => {};
  #events: ConnectionEvents | null = null;
  #nextStream = 0;
  #opening = 0;
  #datagramsWaiting = 0;
  /** Kinds of streams for which `open` returned null. */
  readonly #wanted = new Set<boolean>();
  #backlogBytes = 0;
  #mark: number | null = null;
  /** How we closed it; nothing but `closed` is told from then on. */
  #ownClose: CloseInfo | null = null;
  #closed = false;

  constructor(session: W3cWebTransport, options: WebTransportConnectionOptions) {
    this.id = options.id;
    this.peer = options.peer;
    this.#session = session;
    this.#options = options;
    this.#listening = new Promise((resolve) => {
      this.#startListening = resolve;
    });
    this.#receiving = new ReceiveStreams({
      data: (stream, bytes, fin) => this.#tell((events) => events.data(stream, bytes, fin)),
      reset: (stream, code) => this.#tell((events) => events.reset(stream, code)),
      fault: (code) => this.#fault(code),
    });
    const { datagrams } = session;
    const writable = datagrams.createWritable?.() ?? datagrams.writable;
    if (writable === undefined) throw new TypeError('the session has no way to send datagrams');
    this.#datagramWriter = writable.getWriter();
    this.#datagramWriter.closed.catch(() => {});
    session.closed.then(
      (info) => this.#end({ code: info?.closeCode ?? 0, reason: info?.reason ?? '', remote: true }),
      (error: unknown) => this.#end({ code: null, reason: reasonOf(error), remote: true }),
    );
  }

  listen(events: ConnectionEvents): void {
    const first = this.#events === null;
    this.#events = events;
    if (!first) return;
    this.#startListening(events);
    const { incomingBidirectionalStreams, incomingUnidirectionalStreams, datagrams } = this.#session;
    this.#accept(incomingBidirectionalStreams, ({ readable, writable }) => {
      const stream = this.#newStream();
      this.#addSending(stream, DEFAULT_PRIORITY).attach(writable);
      this.#tell((listener) => listener.opened(stream, true));
      void this.#receiving.read(stream, readable, this.#listening);
    });
    this.#accept(incomingUnidirectionalStreams, (readable) => {
      const stream = this.#newStream();
      this.#tell((listener) => listener.opened(stream, false));
      void this.#receiving.read(stream, readable, this.#listening);
    });
    this.#accept(datagrams.readable, (bytes) => this.#tell((listener) => listener.datagram(bytes)));
  }

  open(bidirectional: boolean, priority: number): StreamId | null {
    if (this.#over) return null;
    if (this.#opening >= OPENING_STREAMS_MAX) {
      this.#wanted.add(bidirectional);
      return null;
    }
    const stream = this.#newStream();
    const sending = this.#addSending(stream, priority);
    const options = { sendOrder: -priority, waitUntilAvailable: true };
    const session = this.#session;
    this.#opening += 1;
    if (bidirectional) this.#receiving.expect(stream);
    const opened = bidirectional
      ? session.createBidirectionalStream(options).then(({ readable, writable }) => {
          sending.attach(writable);
          void this.#receiving.read(stream, readable, this.#listening);
        })
      : session.createUnidirectionalStream(options).then((writable) => sending.attach(writable));
    // Streams fail to open when the session ends, which it tells itself.
    opened.catch(() => {}).then(() => this.#wasOpened());
    return stream;
  }

  write(stream: StreamId, bytes: SharedBytes, fin: boolean): void {
    if (this.#over) return;
    this.#backlogBytes += this.#sending.get(stream)?.write(bytes, fin) ?? 0;
    const { backlogBytesMax } = this.#options;
    if (this.#backlogBytes <= backlogBytesMax) return;
    this.#close(null, `too slow: ${this.#backlogBytes} bytes are outstanding, the limit is ${backlogBytesMax}`);
  }

  reset(stream: StreamId, code: number): void {
    if (this.#over) return;
    this.#sending.get(stream)?.reset(code);
  }

  stopSending(stream: StreamId, code: number): void {
    if (!this.#over) this.#receiving.stop(stream, code);
  }

  setPriority(stream: StreamId, priority: number): void {
    this.#sending.get(stream)?.setPriority(priority);
  }

  datagram(bytes: SharedBytes): boolean {
    if (this.#over || bytes.length > this.#session.datagrams.maxDatagramSize) return false;
    if (this.#datagramsWaiting >= DATAGRAMS_WAITING_MAX) return false;
    this.#datagramsWaiting += 1;
    this.#datagramWriter
      .write(bytes)
      .catch(() => {})
      .then(() => {
        this.#datagramsWaiting -= 1;
      });
    return true;
  }

  backlogBytes(): number {
    return this.#backlogBytes;
  }

  notifyBacklogBelow(bytes: number): void {
    this.#mark = bytes;
    void this.#listening.then(() => this.#checkMark());
  }

  close(code: number, reason: string): void {
    this.#close(code, reason);
  }

  get #over(): boolean {
    return this.#closed || this.#ownClose !== null;
  }

  #close(code: number | null, reason: string): void {
    if (this.#over) return;
    this.#ownClose = { code, reason, remote: false };
    this.#session.close({ closeCode: code ?? 0, reason });
  }

  #end(info: CloseInfo): void {
    void this.#listening.then(() => {
      this.#closed = true;
      this.#sending.clear();
      this.#receiving.clear();
      this.#backlogBytes = 0;
      this.#events?.closed(this.#ownClose ?? info);
    });
    this.#options.onClosed?.();
  }

  #newStream(): StreamId {
    const stream = this.#nextStream;
    this.#nextStream += 1;
    return stream;
  }

  #addSending(stream: StreamId, priority: number): SendStream {
    const sending = new SendStream(
      {
        released: (bytes) => {
          this.#backlogBytes -= bytes;
          this.#checkMark();
        },
        stopped: (code) => this.#tell((events) => events.stopSending(stream, code)),
        over: () => this.#sending.delete(stream),
        fault: (code) => this.#fault(code),
      },
      priority,
    );
    this.#sending.set(stream, sending);
    return sending;
  }

  #wasOpened(): void {
    this.#opening -= 1;
    const wanted = [...this.#wanted];
    this.#wanted.clear();
    for (const bidirectional of wanted) this.#tell((events) => events.credit(bidirectional));
  }

  /** Takes what a stream of streams or datagrams yields, until the session ends. */
  #accept<Item>(source: W3cReadable<Item>, take: (item: Item) => void): void {
    const reader = source.getReader();
    const next = async () => {
      for (let item = await reader.read(); !item.done && !this.#over; item = await reader.read()) {
        take(item.value as Item);
      }
    };
    // It fails when the session does.
    next().catch(() => {});
  }

  #checkMark(): void {
    if (this.#mark === null || this.#backlogBytes >= this.#mark) return;
    this.#mark = null;
    this.#tell((events) => events.drained());
  }

  #tell(event: (events: ConnectionEvents) => void): void {
    if (!this.#over && this.#events !== null) event(this.#events);
  }

  #fault(code: number): Error {
    return streamError(this.#options.WebTransportError, code);
  }
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message === '' ? 'the connection was lost' : message;
}
