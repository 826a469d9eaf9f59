import type { SessionTransport, SessionTransportEvents } from '../drive.js';

/** How much the two ends grant each other. */
export interface TransportPairOptions {
  /** Streams of each direction that one end may open before `grant`; default: no limit. */
  readonly bidirectionalStreams?: number;
  readonly unidirectionalStreams?: number;
}

/** Two transport connections joined in memory; events are delivered by `run`, never from within a call. */
export class TransportPair {
  readonly a: TransportEnd;
  readonly b: TransportEnd;
  readonly #queue: (() => void)[] = [];

  constructor(options: TransportPairOptions = {}) {
    const post = (event: () => void): void => {
      this.#queue.push(event);
    };
    this.a = new TransportEnd(0, options, post);
    this.b = new TransportEnd(1, options, post);
    this.a.peer = this.b;
    this.b.peer = this.a;
  }

  run(): void {
    for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) event();
  }
}

/** One end; stream ids of the two ends differ in their last bit. */
export class TransportEnd implements SessionTransport {
  peer: TransportEnd | null = null;
  events: SessionTransportEvents | null = null;
  /** Calls that were made, in words. */
  readonly calls: string[] = [];
  readonly #post: (event: () => void) => void;
  readonly #credit: { bidirectional: number; unidirectional: number };
  #nextStream: number;

  constructor(parity: 0 | 1, options: TransportPairOptions, post: (event: () => void) => void) {
    this.#nextStream = parity;
    this.#post = post;
    this.#credit = {
      bidirectional: options.bidirectionalStreams ?? Number.POSITIVE_INFINITY,
      unidirectional: options.unidirectionalStreams ?? Number.POSITIVE_INFINITY,
    };
  }

  listen(events: SessionTransportEvents): void {
    this.events = events;
  }

  /** The peer allows more streams. */
  grant(bidirectional: boolean, streams: number): void {
    this.#credit[bidirectional ? 'bidirectional' : 'unidirectional'] += streams;
    this.#post(() => this.events?.credit(bidirectional));
  }

  open(bidirectional: boolean, priority: number): number | null {
    const kind = bidirectional ? 'bidirectional' : 'unidirectional';
    if (this.#credit[kind] <= 0) return null;
    this.#credit[kind]--;
    const stream = this.#nextStream;
    this.#nextStream += 2;
    this.calls.push(`open ${stream} ${kind} ${priority}`);
    this.#tell((events) => events.opened(stream, bidirectional));
    return stream;
  }

  write(stream: number, bytes: Uint8Array, fin: boolean): void {
    this.calls.push(`write ${stream} ${bytes.length}${fin ? ' fin' : ''}`);
    this.#tell((events) => events.data(stream, bytes, fin));
  }

  reset(stream: number, code: number): void {
    this.calls.push(`reset ${stream} ${code}`);
    this.#tell((events) => events.reset(stream, code));
  }

  stopSending(stream: number, code: number): void {
    this.calls.push(`stop-sending ${stream} ${code}`);
    this.#tell((events) => events.stopSending(stream, code));
  }

  setPriority(stream: number, priority: number): void {
    this.calls.push(`priority ${stream} ${priority}`);
  }

  datagram(bytes: Uint8Array): boolean {
    this.#tell((events) => events.datagram(bytes));
    return true;
  }

  close(code: number, reason: string): void {
    this.calls.push(`close ${code}`);
    this.#post(() => this.events?.closed({ code, reason, remote: false }));
    this.#tell((events) => events.closed({ code, reason, remote: true }));
  }

  #tell(event: (events: SessionTransportEvents) => void): void {
    this.#post(() => {
      if (this.peer?.events) event(this.peer.events);
    });
  }
}
