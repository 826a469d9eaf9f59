import type { SessionTransport } from './drive.js';
import type { StreamKey } from './session/contract.js';
import { WaitingStreams } from './waiting-streams.js';

/**
 * The streams that a session opened, by its own keys and by the transport's ids. A stream that the peer gives no credit
 * for keeps its writes until it can be opened; the one that matters most goes first.
 */
export class LocalStreams {
  readonly #transport: SessionTransport;
  readonly #byKey = new Map<StreamKey, LocalStream>();
  readonly #keys = new Map<number, StreamKey>();
  readonly #waitingBidirectional = new WaitingStreams<LocalStream>();
  readonly #waitingUnidirectional = new WaitingStreams<LocalStream>();
  waitingBytes = 0;

  constructor(transport: SessionTransport) {
    this.#transport = transport;
  }

  /** Bidirectional streams that wait for credit. */
  get waitingRequests(): number {
    return this.#waitingBidirectional.size;
  }

  /** The session's key of a stream of either side. */
  keyOf(id: number): StreamKey {
    return this.#keys.get(id) ?? id;
  }

  open(key: StreamKey, bidirectional: boolean, priority: number): void {
    const stream: LocalStream = {
      key,
      bidirectional,
      priority,
      id: null,
      held: null,
      sendOpen: true,
      receiveOpen: bidirectional,
    };
    this.#byKey.set(key, stream);
    const waiting = this.#waiting(bidirectional);
    if (waiting.size > 0 || !this.#tryOpen(stream)) waiting.add(stream);
  }

  write(key: StreamKey, bytes: Uint8Array, fin: boolean): void {
    const stream = this.#byKey.get(key);
    if (key >= 0) this.#transport.write(key, bytes, fin);
    else if (stream?.sendOpen && stream.id === null) this.#hold(stream, bytes, fin);
    else if (stream?.sendOpen) {
      this.#transport.write(stream.id!, bytes, fin);
      if (fin) this.#sendEnded(stream);
    }
  }

  reset(key: StreamKey, code: number): void {
    const stream = this.#byKey.get(key);
    if (key >= 0) this.#transport.reset(key, code);
    else if (stream?.sendOpen && stream.id === null) this.#abandon(stream);
    else if (stream?.sendOpen) {
      this.#transport.reset(stream.id!, code);
      this.#sendEnded(stream);
    }
  }

  prioritize(key: StreamKey, priority: number): void {
    const stream = this.#byKey.get(key);
    if (stream === undefined) return;
    if (stream.id !== null) {
      stream.priority = priority;
      this.#transport.setPriority?.(stream.id, priority);
      return;
    }
    const waiting = this.#waiting(stream.bidirectional);
    waiting.delete(stream);
    stream.priority = priority;
    waiting.add(stream);
  }

  stopSending(key: StreamKey, code: number): void {
    const stream = this.#byKey.get(key);
    if (key >= 0) this.#transport.stopSending(key, code);
    else if (stream?.receiveOpen) {
      if (stream.id !== null) this.#transport.stopSending(stream.id, code);
      this.receiveEnded(key);
    }
  }

  /** Nothing more comes on a stream: it is forgotten once its sending side is closed too. */
  receiveEnded(key: StreamKey): void {
    const stream = this.#byKey.get(key);
    if (stream === undefined) return;
    stream.receiveOpen = false;
    if (!stream.sendOpen) this.#forget(stream);
  }

  credit(bidirectional: boolean): void {
    const waiting = this.#waiting(bidirectional);
    for (let stream = waiting.first(); stream !== null; stream = waiting.first()) {
      if (!this.#tryOpen(stream)) return;
      waiting.delete(stream);
    }
  }

  clear(): void {
    this.#byKey.clear();
    this.#keys.clear();
    this.#waitingBidirectional.clear();
    this.#waitingUnidirectional.clear();
    this.waitingBytes = 0;
  }

  #waiting(bidirectional: boolean): WaitingStreams<LocalStream> {
    return bidirectional ? this.#waitingBidirectional : this.#waitingUnidirectional;
  }

  #tryOpen(stream: LocalStream): boolean {
    const id = this.#transport.open(stream.bidirectional, stream.priority);
    if (id === null) return false;
    stream.id = id;
    this.#keys.set(id, stream.key);
    const held = stream.held ?? [];
    stream.held = null;
    for (const write of held) {
      this.waitingBytes -= write.bytes.length;
      this.write(stream.key, write.bytes, write.fin);
    }
    return true;
  }

  #hold(stream: LocalStream, bytes: Uint8Array, fin: boolean): void {
    stream.held ??= [];
    stream.held.push({ bytes, fin });
    this.waitingBytes += bytes.length;
  }

  // It was never opened, so the peer has nothing to be told.
  #abandon(stream: LocalStream): void {
    for (const write of stream.held ?? []) this.waitingBytes -= write.bytes.length;
    this.#waiting(stream.bidirectional).delete(stream);
    this.#byKey.delete(stream.key);
  }

  #sendEnded(stream: LocalStream): void {
    stream.sendOpen = false;
    if (!stream.receiveOpen) this.#forget(stream);
  }

  #forget(stream: LocalStream): void {
    this.#byKey.delete(stream.key);
    if (stream.id !== null) this.#keys.delete(stream.id);
  }
}

interface LocalStream {
  readonly key: StreamKey;
  readonly bidirectional: boolean;
  priority: number;
  /** Null while it waits for credit. */
  id: number | null;
  /** Writes that wait with it. */
  held: { readonly bytes: Uint8Array; readonly fin: boolean }[] | null;
  sendOpen: boolean;
  receiveOpen: boolean;
}
