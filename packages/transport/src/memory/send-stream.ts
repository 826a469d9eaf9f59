import type { HeapItem } from '@higgins/runtime';
import type { SharedBytes, StreamId } from '../transport.js';

/** A piece of a stream on its way. */
export interface Chunk {
  readonly stream: SendStream;
  readonly bytes: SharedBytes;
  readonly fin: boolean;
}

/** Who wrote a stream besides the connection's owner: a receiver of a set. */
export interface SendStreamOwner {
  /** So many bytes of the stream count no more as backlog. */
  released(bytes: number): void;
  /** The peer wants no more of the stream. */
  stopped(stream: SendStream, code: number): void;
}

/** The sending side of a stream: what is written and not yet sent, and what is sent and not yet acknowledged. */
export class SendStream implements HeapItem {
  heapIndex = -1;
  readonly id: StreamId;
  priority: number;
  owner: SendStreamOwner | null = null;
  /** Bytes sent for which the peer has not opened the window again. */
  windowUsedBytes = 0;
  /** No chunk arrives before the one that was sent before it. */
  arrivalMsMin = 0;
  /** FIN or RESET has been queued: nothing can be written any more. */
  ended = false;
  wasReset = false;
  #queue: SharedBytes[] = [];
  #head = 0;
  #offset = 0;
  #pendingBytes = 0;
  #finPending = false;

  constructor(id: StreamId, priority: number) {
    this.id = id;
    this.priority = priority;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get hasPending(): boolean {
    return this.#pendingBytes > 0 || this.#finPending;
  }

  write(bytes: SharedBytes, fin: boolean): void {
    if (bytes.length > 0) this.#queue.push(bytes);
    this.#pendingBytes += bytes.length;
    this.#finPending = fin;
    this.ended = fin;
  }

  /** Takes up to `bytesMax` of what waits; null if something waits that needs more room than there is. */
  take(bytesMax: number): Chunk | null {
    if (this.#pendingBytes === 0) {
      this.#finPending = false;
      return { stream: this, bytes: EMPTY, fin: true };
    }
    if (bytesMax <= 0) return null;
    const first = this.#queue[this.#head]!;
    const size = Math.min(bytesMax, first.length - this.#offset);
    const bytes = size === first.length ? first : first.subarray(this.#offset, this.#offset + size);
    this.#advance(first, size);
    const fin = this.#finPending && this.#pendingBytes === 0;
    if (fin) this.#finPending = false;
    return { stream: this, bytes, fin };
  }

  /** Forgets what is not sent yet; returns how many bytes that was. */
  abandon(): number {
    const bytes = this.#pendingBytes;
    this.#queue = [];
    this.#head = 0;
    this.#offset = 0;
    this.#pendingBytes = 0;
    this.#finPending = false;
    return bytes;
  }

  #advance(first: SharedBytes, size: number): void {
    this.#pendingBytes -= size;
    this.#offset += size;
    if (this.#offset < first.length) return;
    this.#offset = 0;
    this.#head += 1;
    if (this.#head < 64 && this.#head < this.#queue.length) return;
    // Now and then, so that taking one by one from a long queue stays linear.
    this.#queue.splice(0, this.#head);
    this.#head = 0;
  }
}

const EMPTY = new Uint8Array(0);
