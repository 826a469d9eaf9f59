import type { SharedBytes } from '../transport.js';
import { streamCodeOf, type W3cWritable, type W3cWriter } from './w3c.js';

/** What a stream tells the connection that it belongs to; never from within a call on the stream. */
export interface SendStreamOwner {
  /** So many bytes are no longer outstanding. */
  released(bytes: number): void;
  /** The peer asked to stop, and the browser has reset the stream. */
  stopped(code: number): void;
  /** Nothing goes out any more, and nothing is outstanding. */
  over(): void;
  /** An error that carries `code` to the peer. */
  fault(code: number): Error;
}

/** Small writes are joined up to this size: each crossing into the browser costs more than the copy. */
const JOINED_BYTES_MAX = 64 * 1024;

/** The sending half of a stream; takes writes from the beginning, also while the browser still opens it. */
export class SendStream {
  readonly #owner: SendStreamOwner;
  #writable: W3cWritable | null = null;
  #writer: W3cWriter | null = null;
  #priority: number;
  #queue: SharedBytes[] = [];
  #outstandingBytes = 0;
  /** FIN was written. */
  #finished = false;
  /** What the stream was reset with. */
  #resetCode: number | null = null;
  /** Nothing goes out any more. */
  #ended = false;
  #writing = false;

  /** `priority`: streams with a lower number go first. */
  constructor(owner: SendStreamOwner, priority: number) {
    this.#owner = owner;
    this.#priority = priority;
  }

  /** The browser has opened the stream. */
  attach(writable: W3cWritable): void {
    this.#writable = writable;
    this.#writer = writable.getWriter();
    this.#writer.closed.catch((error: unknown) => this.#failed(error));
    this.setPriority(this.#priority);
    if (this.#resetCode !== null) this.#abort(this.#resetCode);
    else void this.#write();
  }

  write(bytes: SharedBytes, fin: boolean): number {
    if (this.#ended || this.#finished) return 0;
    this.#finished = fin;
    if (bytes.length > 0) this.#queue.push(bytes);
    this.#outstandingBytes += bytes.length;
    void this.#write();
    return bytes.length;
  }

  /** Abandons the stream, unless all of it is with the browser already: that is not to be stopped any more. */
  reset(code: number): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#resetCode = code;
    this.#abort(code);
    // Told in a turn of its own.
    void Promise.resolve().then(() => this.#leave());
  }

  setPriority(priority: number): void {
    this.#priority = priority;
    if (this.#writable !== null) this.#writable.sendOrder = -priority;
  }

  #abort(code: number): void {
    this.#writer?.abort(this.#owner.fault(code)).catch(() => {});
  }

  /** One loop at a time; ends when there is nothing to write. */
  async #write(): Promise<void> {
    const writer = this.#writer;
    if (writer === null || this.#writing || this.#ended) return;
    this.#writing = true;
    try {
      while (this.#queue.length > 0 && !this.#ended) {
        const bytes = this.#take();
        await writer.write(bytes);
        // The last bytes count until the peer has acknowledged all.
        if (!this.#finished || this.#queue.length > 0) this.#release(bytes.length);
      }
      if (this.#finished && !this.#ended) {
        this.#ended = true;
        await writer.close();
        this.#leave();
      }
    } catch (error) {
      this.#failed(error);
    }
    this.#writing = false;
  }

  #take(): Uint8Array {
    const first = this.#queue.shift() ?? new Uint8Array(0);
    let size = first.length;
    let count = 0;
    while (count < this.#queue.length && size + this.#queue[count]!.length <= JOINED_BYTES_MAX) {
      size += this.#queue[count]!.length;
      count += 1;
    }
    if (count === 0) return first;
    const joined = new Uint8Array(size);
    joined.set(first);
    let offset = first.length;
    for (const part of this.#queue.splice(0, count)) {
      joined.set(part, offset);
      offset += part.length;
    }
    return joined;
  }

  #failed(error: unknown): void {
    const code = streamCodeOf(error);
    const own = this.#resetCode !== null;
    this.#ended = true;
    this.#leave();
    if (code !== null && !own) {
      this.#resetCode = code;
      this.#owner.stopped(code);
    }
  }

  #release(bytes: number): void {
    const released = Math.min(bytes, this.#outstandingBytes);
    this.#outstandingBytes -= released;
    this.#owner.released(released);
  }

  #leave(): void {
    this.#queue = [];
    if (this.#outstandingBytes > 0) this.#release(this.#outstandingBytes);
    this.#owner.over();
  }
}
