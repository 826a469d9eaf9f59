import type { CloseInfo, Connection, ConnectionEvents, PeerInfo, SharedBytes, StreamId } from '@higgins/transport';
import { type CommandQueue, Operation } from './commands.js';
import type { NativeTransport } from './native.js';

/** A connection of a `QuicTransport`: commands go to its loop, events come back in batches. */
export class QuicConnection implements Connection {
  readonly id: number;
  readonly peer: PeerInfo;
  readonly #native: NativeTransport;
  readonly #commands: CommandQueue;
  /** The lowest bit of the numbers of streams that this side opens, as QUIC has it. */
  readonly #initiator: number;
  #opened = 0;
  #events: ConnectionEvents | null = null;
  #over = false;
  #closed: CloseInfo | null = null;
  /** What came before `listen`: stops, credit and drained, as many as there are streams at most. */
  readonly #early: ((events: ConnectionEvents) => void)[] = [];
  /** Bytes written since the last crossing, and which crossing that was. */
  #queuedBytes = 0;
  #queuedEpoch = -1;

  constructor(native: NativeTransport, commands: CommandQueue, id: number, peer: PeerInfo, isClient: boolean) {
    this.#native = native;
    this.#commands = commands;
    this.#initiator = isClient ? 0 : 1;
    this.id = id;
    this.peer = peer;
  }

  listen(events: ConnectionEvents): void {
    this.#events = events;
    const closed = this.#closed;
    const early = this.#early.splice(0);
    if (closed === null) this.#commands.push(Operation.listen, 1, this.id);
    queueMicrotask(() => {
      for (const tell of early) tell(events);
      if (closed !== null) events.closed(closed);
    });
  }

  open(bidirectional: boolean, priority: number): StreamId | null {
    if (this.#over || !this.#native.takeCredit(this.id, bidirectional)) return null;
    const stream = this.#opened++ * 4 + (bidirectional ? 0 : 2) + this.#initiator;
    this.#commands.push(Operation.open, 3, this.id, stream, priority);
    return stream;
  }

  write(stream: StreamId, bytes: SharedBytes, fin: boolean): void {
    if (this.#over) return;
    this.#commands.payload(bytes);
    this.#commands.push(Operation.write, 3, this.id, stream, fin ? 1 : 0);
    if (this.#queuedEpoch !== this.#commands.epoch) {
      this.#queuedEpoch = this.#commands.epoch;
      this.#queuedBytes = 0;
    }
    this.#queuedBytes += bytes.length;
  }

  reset(stream: StreamId, code: number): void {
    if (!this.#over) this.#commands.push(Operation.reset, 3, this.id, stream, code);
  }

  stopSending(stream: StreamId, code: number): void {
    if (!this.#over) this.#commands.push(Operation.stopSending, 3, this.id, stream, code);
  }

  setPriority(stream: StreamId, priority: number): void {
    if (!this.#over) this.#commands.push(Operation.setPriority, 3, this.id, stream, priority);
  }

  datagram(bytes: SharedBytes): boolean {
    if (this.#over || bytes.length > this.#native.datagramBytes(this.id)) return false;
    this.#commands.payload(bytes);
    this.#commands.push(Operation.datagram, 1, this.id);
    return true;
  }

  backlogBytes(): number {
    if (this.#over) return 0;
    const queued = this.#queuedEpoch === this.#commands.epoch ? this.#queuedBytes : 0;
    return queued + this.#native.backlogBytes(this.id);
  }

  notifyBacklogBelow(bytes: number): void {
    if (!this.#over) this.#commands.push(Operation.notifyBelow, 2, this.id, bytes);
  }

  close(code: number, reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#commands.payload(new TextEncoder().encode(reason));
    this.#commands.push(Operation.close, 2, this.id, code);
  }

  /** The receiver of events; null after `close`, and before `listen`: then `tellLater` keeps what there is to tell. */
  get events(): ConnectionEvents | null {
    return this.#over ? null : this.#events;
  }

  /** Keeps an event for `listen`. */
  tellLater(tell: (events: ConnectionEvents) => void): void {
    if (!this.#over) this.#early.push(tell);
  }

  /** The loop says that it is over. */
  ended(info: CloseInfo): void {
    this.#over = true;
    this.#closed = info;
    this.#events?.closed(info);
  }

  /** Bytes that stand for none. */
  static readonly nothing: Uint8Array = new Uint8Array();
}
