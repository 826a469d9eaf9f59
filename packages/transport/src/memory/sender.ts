import { IndexedHeap } from '@higgins/runtime';
import type { ConnectionLimits, SharedBytes, StreamId } from '../transport.js';
import type { Link, LinkSender } from './link.js';
import { type Chunk, SendStream } from './send-stream.js';
import { StreamAllowance } from './stream-credit.js';

/** What the sending half needs of its connection. */
export interface SenderHost {
  readonly link: Link;
  readonly client: boolean;
  readonly closed: boolean;
  /** Whether the process runs. */
  readonly active: boolean;
  /** Puts a packet on the link; returns the time of its arrival. */
  sendPacket(chunks: readonly Chunk[], bytes: number, notBeforeMs: number): number;
  sendReset(stream: SendStream, code: number): void;
  sendBlocked(bidirectional: boolean): void;
  /** Calls `Sender.transmit` in a step of its own. */
  scheduleTransmit(): void;
  /** The backlog fell below the mark. */
  drained(): void;
  /** The owner can open streams of this kind again. */
  credit(bidirectional: boolean): void;
  /** The peer has everything of the stream, or its reset. */
  sendingEnded(stream: StreamId): void;
  overflowed(): void;
}

/** What is added to each packet: QUIC header, AEAD tag, UDP and IP headers. */
const PACKET_OVERHEAD_BYTES = 60;

/** The sending half of a connection: streams by priority, windows, backlog and stream credit. */
export class Sender implements LinkSender {
  readonly bidirectional: StreamAllowance;
  readonly unidirectional: StreamAllowance;
  readonly #host: SenderHost;
  readonly #windowBytes: number;
  readonly #streamWindowBytes: number;
  readonly #backlogBytesMax: number;
  readonly #streams = new Map<StreamId, SendStream>();
  readonly #ready = new IndexedHeap<SendStream>((left, right) =>
    left.priority === right.priority ? left.id < right.id : left.priority < right.priority,
  );
  #windowUsedBytes = 0;
  #backlogBytes = 0;
  #drainedBelowBytes: number | null = null;
  #transmitScheduled = false;

  constructor(host: SenderHost, limits: ConnectionLimits, peerLimits: ConnectionLimits) {
    this.#host = host;
    this.#windowBytes = peerLimits.connectionWindowBytes;
    this.#streamWindowBytes = peerLimits.streamWindowBytes;
    this.#backlogBytesMax = limits.backlogBytesMax;
    this.bidirectional = new StreamAllowance(
      Math.min(peerLimits.bidirectionalStreamsInitial, peerLimits.bidirectionalStreamsMax),
    );
    this.unidirectional = new StreamAllowance(
      Math.min(peerLimits.unidirectionalStreamsInitial, peerLimits.unidirectionalStreamsMax),
    );
  }

  get backlogBytes(): number {
    return this.#backlogBytes;
  }

  /** Opens a stream of ours, or returns null for want of credit. */
  open(bidirectional: boolean, priority: number): SendStream | null {
    const allowance = bidirectional ? this.bidirectional : this.unidirectional;
    const number = allowance.take();
    if (number === null) {
      this.want(bidirectional);
      return null;
    }
    return this.adopt(number * 4 + (bidirectional ? 0 : 2) + (this.#host.client ? 0 : 1), priority);
  }

  /** Asks the peer for credit, once until there is some. */
  want(bidirectional: boolean): void {
    const allowance = bidirectional ? this.bidirectional : this.unidirectional;
    if (!allowance.wanted) this.#host.sendBlocked(bidirectional);
    allowance.wanted = true;
  }

  /** Takes on the sending side of a stream, ours or the peer's. */
  adopt(id: StreamId, priority: number): SendStream {
    const stream = new SendStream(id, priority);
    this.#streams.set(id, stream);
    return stream;
  }

  get(id: StreamId): SendStream | undefined {
    return this.#streams.get(id);
  }

  write(stream: SendStream, bytes: SharedBytes, fin: boolean): void {
    if (stream.ended) return;
    stream.write(bytes, fin);
    this.#backlogBytes += bytes.length;
    if (this.#backlogBytes > this.#backlogBytesMax) {
      this.#host.overflowed();
      return;
    }
    if (stream.hasPending && stream.heapIndex < 0) this.#ready.push(stream);
    this.#scheduleTransmit();
  }

  setPriority(stream: SendStream, priority: number): void {
    stream.priority = priority;
    this.#ready.update(stream);
  }

  reset(stream: SendStream, code: number): void {
    if (stream.wasReset) return;
    stream.wasReset = true;
    stream.ended = true;
    this.#ready.remove(stream);
    this.#release(stream, stream.abandon());
    this.#host.sendReset(stream, code);
  }

  /** The peer has the reset. */
  resetAcknowledged(stream: SendStream): void {
    this.#end(stream);
  }

  /** Asks for `drained` when the backlog is below `bytes`; true if it is already. */
  notifyBelow(bytes: number): boolean {
    const below = this.#backlogBytes < bytes;
    this.#drainedBelowBytes = below ? null : bytes;
    return below;
  }

  /** The peer has a packet; `consumed` tells that it has also made use of the bytes, so that the windows open again. */
  acknowledged(chunks: readonly Chunk[], consumed: boolean): void {
    for (const { stream, bytes, fin } of chunks) {
      this.#release(stream, bytes.length);
      if (fin) this.#end(stream);
    }
    if (consumed) this.consumed(chunks);
  }

  /** The peer has made use of what it had received: the windows open again. */
  consumed(chunks: readonly Chunk[]): void {
    for (const { stream, bytes } of chunks) {
      stream.windowUsedBytes -= bytes.length;
      this.#windowUsedBytes -= bytes.length;
      if (stream.hasPending && stream.heapIndex < 0) this.#ready.push(stream);
    }
    if (this.#ready.size > 0) this.transmit();
  }

  /** What the peer lets us open, all told. */
  limits(bidirectional: number, unidirectional: number): void {
    if (this.bidirectional.raise(bidirectional)) this.#host.credit(true);
    if (this.unidirectional.raise(unidirectional)) this.#host.credit(false);
  }

  /** Sends what link and windows let through, most urgent first. */
  transmit(): void {
    this.#transmitScheduled = false;
    const { link } = this.#host;
    if (this.#host.closed) return;
    if (!this.#host.active) {
      this.#scheduleTransmit();
      return;
    }
    while (this.#ready.size > 0 && this.#windowHasRoom() && link.admit(this)) {
      const chunks: Chunk[] = [];
      const bytes = this.#fill(chunks, link.burstBytes, link.impaired ? 1 : Number.POSITIVE_INFINITY);
      if (chunks.length === 0) return;
      this.#dispatch(chunks, bytes);
    }
  }

  #windowHasRoom(): boolean {
    return this.#windowUsedBytes < this.#windowBytes || this.#ready.peek()?.pendingBytes === 0;
  }

  #fill(chunks: Chunk[], burstBytes: number, chunksMax: number): number {
    let bytes = 0;
    while (chunks.length < chunksMax && bytes < burstBytes) {
      const stream = this.#ready.peek();
      if (stream === undefined) break;
      const connectionRoom = Math.min(burstBytes - bytes, this.#windowBytes - this.#windowUsedBytes);
      const chunk = stream.take(Math.min(connectionRoom, this.#streamWindowBytes - stream.windowUsedBytes));
      if (chunk === null) {
        if (connectionRoom <= 0) break;
        // Its own window is full: it comes back when the peer opens that.
        this.#ready.remove(stream);
        continue;
      }
      if (!stream.hasPending) this.#ready.remove(stream);
      stream.windowUsedBytes += chunk.bytes.length;
      this.#windowUsedBytes += chunk.bytes.length;
      bytes += chunk.bytes.length;
      chunks.push(chunk);
    }
    return bytes;
  }

  #dispatch(chunks: readonly Chunk[], bytes: number): void {
    let notBeforeMs = 0;
    for (const { stream } of chunks) notBeforeMs = Math.max(notBeforeMs, stream.arrivalMsMin);
    const arrivalMs = this.#host.sendPacket(chunks, bytes + PACKET_OVERHEAD_BYTES, notBeforeMs);
    for (const { stream } of chunks) stream.arrivalMsMin = arrivalMs;
  }

  #scheduleTransmit(): void {
    if (this.#transmitScheduled) return;
    this.#transmitScheduled = true;
    this.#host.scheduleTransmit();
  }

  #release(stream: SendStream, bytes: number): void {
    this.#backlogBytes -= bytes;
    if (bytes > 0) stream.owner?.released(bytes);
    if (this.#drainedBelowBytes !== null && this.#backlogBytes < this.#drainedBelowBytes) {
      this.#drainedBelowBytes = null;
      this.#host.drained();
    }
  }

  #end(stream: SendStream): void {
    if (this.#streams.delete(stream.id)) this.#host.sendingEnded(stream.id);
  }
}
