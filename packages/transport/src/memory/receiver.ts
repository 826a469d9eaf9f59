import type { ConnectionEvents, ConnectionLimits, StreamId } from '../transport.js';
import type { Chunk } from './send-stream.js';
import { StreamGrant } from './stream-credit.js';

/** What the receiving half needs of its connection. */
export interface ReceiverHost {
  readonly client: boolean;
  readonly closed: boolean;
  /** The owner's events, after telling the world that its code is called. */
  readonly owner: ConnectionEvents;
  /** Hands out a copy of the bytes that is overwritten after the call, or the bytes themselves. */
  lend(bytes: Uint8Array): Uint8Array;
  takeBack(view: Uint8Array): void;
  /** The peer opened a bidirectional stream: its sending side is ours to use. */
  adopt(stream: StreamId): void;
  /** Whether our sending side of a bidirectional stream is over. */
  sendingOver(stream: StreamId): boolean;
}

/** The receiving half of a connection: which streams are there, and what of them the owner is told. */
export class Receiver {
  readonly bidirectional: StreamGrant;
  readonly unidirectional: StreamGrant;
  readonly #host: ReceiverHost;
  /** Streams whose receiving side is open; true: the owner wants no more of it. */
  readonly #streams = new Map<StreamId, boolean>();

  constructor(host: ReceiverHost, limits: ConnectionLimits) {
    this.#host = host;
    this.bidirectional = new StreamGrant(limits.bidirectionalStreamsInitial, limits.bidirectionalStreamsMax);
    this.unidirectional = new StreamGrant(limits.unidirectionalStreamsInitial, limits.unidirectionalStreamsMax);
  }

  /** The receiving side of a bidirectional stream of ours. */
  expect(stream: StreamId): void {
    this.#streams.set(stream, false);
  }

  chunk({ stream: { id }, bytes, fin }: Chunk): void {
    this.#openUpTo(id);
    const stopped = this.#streams.get(id);
    if (stopped === undefined || this.#host.closed) return;
    if (fin) this.#end(id);
    if (stopped) return;
    const view = this.#host.lend(bytes);
    this.#host.owner.data(id, view, fin);
    this.#host.takeBack(view);
  }

  reset(id: StreamId, code: number): void {
    this.#openUpTo(id);
    const stopped = this.#streams.get(id);
    if (stopped === undefined || this.#host.closed) return;
    this.#end(id);
    if (!stopped) this.#host.owner.reset(id, code);
  }

  /** Whether the stream's receiving side is open, for STOP_SENDING; from now on its data is discarded. */
  stop(id: StreamId): boolean {
    if (this.#streams.get(id) !== false) return false;
    this.#streams.set(id, true);
    return true;
  }

  /** STOP_SENDING can come before the first data of a stream, which it opens (RFC 9000 section 3.2). */
  stoppedByPeer(id: StreamId): void {
    this.#openUpTo(id);
  }

  /** Our sending side of the stream is over. */
  sendingEnded(id: StreamId): void {
    if (this.#isOurs(id) || this.#streams.has(id)) return;
    this.bidirectional.end();
  }

  /** A stream opens all lower-numbered ones of its kind (RFC 9000 section 3.2). */
  #openUpTo(id: StreamId): void {
    if (this.#isOurs(id)) return;
    const bidirectional = (id & 2) === 0;
    const grant = bidirectional ? this.bidirectional : this.unidirectional;
    while (grant.opened * 4 + (id & 3) <= id && !this.#host.closed) {
      const opened = grant.opened * 4 + (id & 3);
      grant.open();
      this.#streams.set(opened, false);
      if (bidirectional) this.#host.adopt(opened);
      this.#host.owner.opened(opened, bidirectional);
    }
  }

  #end(id: StreamId): void {
    this.#streams.delete(id);
    if (this.#isOurs(id)) return;
    if ((id & 2) !== 0) this.unidirectional.end();
    else if (this.#host.sendingOver(id)) this.bidirectional.end();
  }

  #isOurs(id: StreamId): boolean {
    return ((id & 1) === 0) === this.#host.client;
  }
}
