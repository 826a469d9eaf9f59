import type { StreamId } from '../transport.js';
import { streamCodeOf, type W3cReadable, type W3cReader } from './w3c.js';

/** What the receiving halves tell the connection that they belong to; never from within a call. */
export interface ReceiveOwner {
  data(stream: StreamId, bytes: Uint8Array, fin: boolean): void;
  reset(stream: StreamId, code: number): void;
  /** An error that carries `code` to the peer. */
  fault(code: number): Error;
}

const NOTHING = new Uint8Array(0);

/** The receiving halves of a connection's streams, each from when it is expected until it has ended. */
export class ReceiveStreams {
  readonly #owner: ReceiveOwner;
  /** Null: the browser still opens it. */
  readonly #readers = new Map<StreamId, W3cReader<Uint8Array> | null>();
  /** What the peer is to be told once the browser has opened the stream. */
  readonly #stops = new Map<StreamId, number>();

  constructor(owner: ReceiveOwner) {
    this.#owner = owner;
  }

  /** The browser opens a stream; `read` follows. */
  expect(stream: StreamId): void {
    this.#readers.set(stream, null);
  }

  /** Reads a stream to its end, once `listening` resolves. */
  async read(stream: StreamId, readable: W3cReadable<Uint8Array>, listening: Promise<unknown>): Promise<void> {
    const reader = readable.getReader();
    const code = this.#stops.get(stream);
    if (code !== undefined) {
      this.#stops.delete(stream);
      this.#cancel(reader, code);
      return;
    }
    this.#readers.set(stream, reader);
    await listening;
    const wanted = () => this.#readers.get(stream) === reader;
    try {
      for (let part = await reader.read(); wanted(); part = await reader.read()) {
        const { done, value } = part;
        if (done) this.#readers.delete(stream);
        this.#owner.data(stream, value ?? NOTHING, done);
      }
    } catch (error) {
      // Without a code it is the session that failed, which it tells itself.
      const reset = streamCodeOf(error);
      if (reset === null || !wanted()) return;
      this.#readers.delete(stream);
      this.#owner.reset(stream, reset);
    }
  }

  /** Asks the peer to stop; nothing more of the stream is told. */
  stop(stream: StreamId, code: number): void {
    const reader = this.#readers.get(stream);
    if (reader === undefined) return;
    this.#readers.delete(stream);
    if (reader === null) this.#stops.set(stream, code);
    else this.#cancel(reader, code);
  }

  clear(): void {
    this.#readers.clear();
    this.#stops.clear();
  }

  #cancel(reader: W3cReader<Uint8Array>, code: number): void {
    reader.cancel(this.#owner.fault(code)).catch(() => {});
  }
}
