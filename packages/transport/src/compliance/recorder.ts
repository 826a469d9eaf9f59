import type { CloseInfo, Connection, ConnectionEvents, StreamId } from '../transport.js';

/** Listens to a connection and keeps what it tells, with copies of the bytes. */
export class Recorder implements ConnectionEvents {
  /** Streams of the peer, in the order in which they were opened. */
  readonly streams: StreamId[] = [];
  readonly bidirectional = new Set<StreamId>();
  /** Streams whose FIN has come, in its order. */
  readonly finished: StreamId[] = [];
  readonly resets = new Map<StreamId, number>();
  readonly stops = new Map<StreamId, number>();
  readonly datagrams: Uint8Array[] = [];
  readonly credits = { bidirectional: 0, unidirectional: 0 };
  drains = 0;
  closeInfo: CloseInfo | null = null;
  /** Events that came after `closed`, or data after the end of its stream. */
  readonly violations: string[] = [];
  readonly #chunks = new Map<StreamId, Uint8Array[]>();
  readonly #sizes = new Map<StreamId, number>();

  /** Listens from now on. */
  static on(connection: Connection): Recorder {
    const recorder = new Recorder();
    connection.listen(recorder);
    return recorder;
  }

  /** How many bytes of a stream have come. */
  size(stream: StreamId): number {
    return this.#sizes.get(stream) ?? 0;
  }

  /** The bytes of a stream that have come. */
  bytes(stream: StreamId): Uint8Array {
    const all = new Uint8Array(this.size(stream));
    let offset = 0;
    for (const chunk of this.#chunks.get(stream) ?? []) {
      all.set(chunk, offset);
      offset += chunk.length;
    }
    return all;
  }

  hasFinished(stream: StreamId): boolean {
    return this.finished.includes(stream);
  }

  opened(stream: StreamId, bidirectional: boolean): void {
    this.#told('opened');
    if (this.streams.includes(stream)) this.violations.push(`stream ${stream} was opened twice`);
    this.streams.push(stream);
    if (bidirectional) this.bidirectional.add(stream);
  }

  data(stream: StreamId, bytes: Uint8Array, fin: boolean): void {
    this.#told('data');
    if (this.hasFinished(stream) || this.resets.has(stream))
      this.violations.push(`data of stream ${stream} after its end`);
    const chunks = this.#chunks.get(stream);
    if (chunks === undefined) this.#chunks.set(stream, [bytes.slice()]);
    else chunks.push(bytes.slice());
    this.#sizes.set(stream, this.size(stream) + bytes.length);
    if (fin) this.finished.push(stream);
  }

  reset(stream: StreamId, code: number): void {
    this.#told('reset');
    if (this.hasFinished(stream) || this.resets.has(stream))
      this.violations.push(`reset of stream ${stream} after its end`);
    this.resets.set(stream, code);
  }

  stopSending(stream: StreamId, code: number): void {
    this.#told('stopSending');
    this.stops.set(stream, code);
  }

  datagram(bytes: Uint8Array): void {
    this.#told('datagram');
    this.datagrams.push(bytes.slice());
  }

  credit(bidirectional: boolean): void {
    this.#told('credit');
    this.credits[bidirectional ? 'bidirectional' : 'unidirectional'] += 1;
  }

  drained(): void {
    this.#told('drained');
    this.drains += 1;
  }

  closed(info: CloseInfo): void {
    this.#told('closed');
    this.closeInfo = info;
  }

  #told(event: string): void {
    if (this.closeInfo !== null) this.violations.push(`${event} after closed`);
  }
}
