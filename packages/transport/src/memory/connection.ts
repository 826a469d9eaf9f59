import type { VirtualRuntime, VirtualWorld } from '@higgins/runtime';
import type {
  CloseInfo,
  Connection,
  ConnectionEvents,
  ConnectionLimits,
  PeerInfo,
  SharedBytes,
  StreamId,
} from '../transport.js';
import type { HostReading } from './host-reading.js';
import { Inbox } from './inbox.js';
import type { Link } from './link.js';
import { Liveness } from './liveness.js';
import { Receiver, type ReceiverHost } from './receiver.js';
import type { Chunk, SendStream } from './send-stream.js';
import { Sender, type SenderHost } from './sender.js';

export interface MemoryConnectionOptions {
  readonly id: number;
  readonly client: boolean;
  readonly peer: PeerInfo;
  readonly runtime: VirtualRuntime;
  readonly link: Link;
  readonly reading: HostReading;
  readonly limits: ConnectionLimits;
  readonly peerLimits: ConnectionLimits;
  /** Bytes that are lent to owners for the time of a call; null lends the sender's own. */
  readonly scratch: Uint8Array | null;
  /** The connection is over, however it came about. */
  ended(connection: MemoryConnection): void;
}

/** Datagrams that wait for their owner: more are dropped, as a full socket buffer does. */
const WAITING_DATAGRAMS_MAX = 64;
/** What fills lent bytes after the call, so that an owner that keeps the view is found out. */
const STALE_BYTE = 0xdb;

/** One end of a connection of the in-memory network. */
export class MemoryConnection implements Connection, SenderHost, ReceiverHost {
  readonly id: number;
  readonly peer: PeerInfo;
  readonly client: boolean;
  readonly runtime: VirtualRuntime;
  readonly link: Link;
  readonly limits: ConnectionLimits;
  readonly #options: MemoryConnectionOptions;
  readonly #world: VirtualWorld;
  readonly #sender: Sender;
  readonly #receiver: Receiver;
  readonly #liveness: Liveness;
  #otherEnd: MemoryConnection | null = null;
  #events: ConnectionEvents | null = null;
  readonly #inbox: Inbox;
  #waitingDatagrams = 0;
  #closeInfo: CloseInfo | null = null;
  #closedAtMs: number | null = null;

  constructor(options: MemoryConnectionOptions) {
    this.#options = options;
    this.id = options.id;
    this.peer = options.peer;
    this.client = options.client;
    this.runtime = options.runtime;
    this.link = options.link;
    this.limits = options.limits;
    this.#world = options.runtime.world;
    this.#sender = new Sender(this, options.limits, options.peerLimits);
    this.#receiver = new Receiver(this, options.limits);
    this.#liveness = new Liveness(this, options.peerLimits);
    this.#inbox = new Inbox(options.runtime, options.reading, () => this.#tellLimits(false));
  }

  // Connection.

  listen(events: ConnectionEvents): void {
    this.#events = events;
    this.#inbox.open();
  }

  open(bidirectional: boolean, priority: number): StreamId | null {
    return this.openStream(bidirectional, priority)?.id ?? null;
  }

  write(stream: StreamId, bytes: SharedBytes, fin: boolean): void {
    const sending = this.#sender.get(stream);
    if (sending !== undefined && !this.closed) this.#sender.write(sending, bytes, fin);
  }

  reset(stream: StreamId, code: number): void {
    const sending = this.#sender.get(stream);
    if (sending !== undefined && !this.closed) this.#sender.reset(sending, code);
  }

  stopSending(stream: StreamId, code: number): void {
    if (this.closed || !this.#receiver.stop(stream)) return;
    this.#control((otherEnd) => otherEnd.#onStopSending(stream, code));
  }

  setPriority(stream: StreamId, priority: number): void {
    const sending = this.#sender.get(stream);
    if (sending !== undefined) this.#sender.setPriority(sending, priority);
  }

  datagram(bytes: SharedBytes): boolean {
    const otherEnd = this.#otherEnd;
    if (this.closed || otherEnd === null) return false;
    return this.link.sendDatagram(bytes.length, otherEnd.runtime, () => {
      if (otherEnd.#heard()) otherEnd.#onDatagram(bytes);
    });
  }

  backlogBytes(): number {
    return this.closed ? 0 : this.#sender.backlogBytes;
  }

  notifyBacklogBelow(bytes: number): void {
    if (this.closed || !this.#sender.notifyBelow(bytes)) return;
    this.#soon(() => this.drained());
  }

  close(code: number, reason: string): void {
    if (this.closed) return;
    this.#control((otherEnd) => otherEnd.#end({ code, reason, remote: true }));
    this.#finish({ code, reason, remote: false });
  }

  // For the transport, receiver sets and liveness.

  get closed(): boolean {
    return this.#closeInfo !== null;
  }

  /** World time at which this end was closed, or null. */
  get closedAtMs(): number | null {
    return this.#closedAtMs;
  }

  get otherEnd(): MemoryConnection | null {
    return this.#otherEnd;
  }

  /** Makes two ends one connection; from then on they hear each other. */
  join(otherEnd: MemoryConnection): void {
    this.#otherEnd = otherEnd;
    this.#liveness.start();
  }

  openStream(bidirectional: boolean, priority: number): SendStream | null {
    if (this.closed) return null;
    const stream = this.#sender.open(bidirectional, priority);
    if (stream !== null && bidirectional) this.#receiver.expect(stream.id);
    return stream;
  }

  writeStream(stream: SendStream, bytes: SharedBytes, fin: boolean): void {
    if (!this.closed) this.#sender.write(stream, bytes, fin);
  }

  resetStream(stream: SendStream, code: number): void {
    if (!this.closed) this.#sender.reset(stream, code);
  }

  prioritise(stream: SendStream, priority: number): void {
    this.#sender.setPriority(stream, priority);
  }

  get canOpenUnidirectional(): boolean {
    return !this.closed && this.#sender.unidirectional.available;
  }

  /** Asks for credit for unidirectional streams; `onUnidirectionalCredit` tells when there is some. */
  wantUnidirectional(): void {
    if (!this.closed) this.#sender.want(false);
  }

  /** Called when unidirectional credit comes that somebody waited for, beside the owner's event. */
  readonly onUnidirectionalCredit = new Set<() => void>();

  /** The connection is lost without a close from either side: the owner hears of it in this step. */
  lose(reason: string): void {
    this.#end({ code: null, reason, remote: true });
  }

  // SenderHost.

  /** Whether the process can send: one that is stopped sends when it goes on. */
  get active(): boolean {
    return this.runtime.state === 'running';
  }

  sendPacket(chunks: readonly Chunk[], bytes: number, notBeforeMs: number): number {
    const otherEnd = this.#otherEnd!;
    return this.link.send(bytes, notBeforeMs, otherEnd.runtime, () => {
      if (otherEnd.#heard()) otherEnd.#onPacket(chunks);
    });
  }

  sendReset(stream: SendStream, code: number): void {
    this.#control((otherEnd) => otherEnd.#onReset(stream, code));
  }

  sendBlocked(bidirectional: boolean): void {
    this.#control((otherEnd) => otherEnd.#onBlocked(bidirectional));
  }

  scheduleTransmit(): void {
    this.#soon(() => {
      if (!this.closed) this.#sender.transmit();
    });
  }

  drained(): void {
    if (!this.closed) this.#whenListening(() => this.owner.drained());
  }

  credit(bidirectional: boolean): void {
    this.#whenListening(() => this.owner.credit(bidirectional));
    if (!bidirectional) for (const waiting of this.onUnidirectionalCredit) waiting();
  }

  sendingEnded(stream: StreamId): void {
    if ((stream & 2) !== 0) return;
    this.#receiver.sendingEnded(stream);
    this.#tellLimits(false);
  }

  overflowed(): void {
    const { backlogBytesMax } = this.limits;
    const reason = `more than ${backlogBytesMax} bytes were written and not acknowledged`;
    this.#control((otherEnd) =>
      otherEnd.#end({ code: null, reason: 'the peer closed the connection as too slow', remote: true }),
    );
    this.#finish({ code: null, reason, remote: false });
  }

  // ReceiverHost.

  get owner(): ConnectionEvents {
    this.#world.entered();
    return this.#events!;
  }

  lend(bytes: Uint8Array): Uint8Array {
    const { scratch } = this.#options;
    if (scratch === null || bytes.length === 0) return bytes;
    scratch.set(bytes);
    return scratch.subarray(0, bytes.length);
  }

  takeBack(view: Uint8Array): void {
    if (this.#options.scratch !== null) view.fill(STALE_BYTE);
  }

  adopt(stream: StreamId): void {
    // What answers the peer goes before any data of ours, as the native transport has it.
    this.#sender.adopt(stream, 0);
  }

  sendingOver(stream: StreamId): boolean {
    return this.#sender.get(stream) === undefined;
  }

  // Arrivals; each is a step of the world, in the process of this end.

  /** Something came from the peer: it lives. A closed end says so instead, and false is returned. */
  #heard(): boolean {
    this.#liveness.heard();
    const info = this.#closeInfo;
    if (info === null) return true;
    const { code } = info;
    const reason = code === null || info.remote ? 'connection reset by the peer' : info.reason;
    const answer = { code: info.remote ? null : code, reason, remote: true };
    this.#control((otherEnd) => otherEnd.#end(answer));
    return false;
  }

  #onPacket(chunks: readonly Chunk[]): void {
    if (!this.#inbox.flowing) {
      this.#inbox.accept(bytesOf(chunks), () => {
        this.#consume(chunks);
        this.#control((otherEnd) => otherEnd.#sender.consumed(chunks));
      });
      this.#acknowledge(chunks, false);
      return;
    }
    this.#consume(chunks);
    if (!this.closed) this.#acknowledge(chunks, true);
  }

  #consume(chunks: readonly Chunk[]): void {
    for (const chunk of chunks) this.#receiver.chunk(chunk);
  }

  #acknowledge(chunks: readonly Chunk[], consumed: boolean): void {
    const bidirectional = this.#receiver.bidirectional.tell();
    const unidirectional = this.#receiver.unidirectional.tell();
    this.#control((otherEnd) => {
      otherEnd.#sender.limits(bidirectional, unidirectional);
      otherEnd.#sender.acknowledged(chunks, consumed);
    });
  }

  #onReset(stream: SendStream, code: number): void {
    this.#whenListening(() => {
      this.#receiver.reset(stream.id, code);
      this.#tellLimits(false);
    });
    this.#control((otherEnd) => otherEnd.#sender.resetAcknowledged(stream));
  }

  #onStopSending(stream: StreamId, code: number): void {
    this.#whenListening(() => {
      this.#receiver.stoppedByPeer(stream);
      const sending = this.#sender.get(stream);
      if (sending === undefined || sending.wasReset || this.closed) return;
      if (sending.owner !== null) sending.owner.stopped(sending, code);
      else this.owner.stopSending(stream, code);
    });
  }

  #onBlocked(bidirectional: boolean): void {
    (bidirectional ? this.#receiver.bidirectional : this.#receiver.unidirectional).block();
    this.#tellLimits(false);
  }

  #onDatagram(bytes: SharedBytes): void {
    if (this.#waitingDatagrams >= WAITING_DATAGRAMS_MAX) return;
    this.#waitingDatagrams += 1;
    this.#inbox.accept(bytes.length, () => {
      this.#waitingDatagrams -= 1;
      const view = this.lend(bytes);
      this.owner.datagram(view);
      this.takeBack(view);
    });
  }

  /** Tells the peer of stream credit when nothing else goes its way. */
  #tellLimits(always: boolean): void {
    const { bidirectional, unidirectional } = this.#receiver;
    if (this.closed || !(always || bidirectional.worthTelling || unidirectional.worthTelling)) return;
    const bidirectionalLimit = bidirectional.tell();
    const unidirectionalLimit = unidirectional.tell();
    this.#control((otherEnd) => otherEnd.#sender.limits(bidirectionalLimit, unidirectionalLimit));
  }

  #end(info: CloseInfo): void {
    if (!this.closed) this.#finish(info);
  }

  #finish(info: CloseInfo): void {
    this.#closeInfo = info;
    this.#closedAtMs = this.#world.nowMs;
    this.#options.ended(this);
    this.#soon(() => this.#tellClosed());
  }

  #tellClosed(): void {
    // What was not read is gone with the connection.
    this.#inbox.clear();
    if (this.#inbox.opened) this.owner.closed(this.#closeInfo!);
    else this.#inbox.accept(0, () => this.owner.closed(this.#closeInfo!));
  }

  // Ways to call.

  #whenListening(run: () => void): void {
    this.#inbox.accept(0, run);
  }

  /** A small frame to the other end; one that is closed answers for itself. */
  #control(run: (otherEnd: MemoryConnection) => void): void {
    const otherEnd = this.#otherEnd;
    if (otherEnd === null) return;
    this.link.sendControl(otherEnd.runtime, () => {
      if (!otherEnd.closed) {
        otherEnd.#liveness.heard();
        run(otherEnd);
      }
    });
  }

  #soon(run: () => void): void {
    this.#world.schedule(this.#world.nowMs, () => this.runtime.deliver(run));
  }
}

function bytesOf(chunks: readonly Chunk[]): number {
  return chunks.reduce((sum, { bytes }) => sum + bytes.length, 0);
}
