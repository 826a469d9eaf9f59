import { LocalStreams } from './drive-streams.js';
import { emptyAction } from './session/action-queue.js';
import type { Action, Notice, Session, StreamKey } from './session/contract.js';

/** What `driveSession` needs of a transport connection; any QUIC connection or WebTransport session has it. */
export interface SessionTransport {
  /** Sets the receiver of events. Events never come from within a call on the transport. */
  listen(events: SessionTransportEvents): void;
  /** Opens a stream, or returns null for want of credit; `credit` follows when there is some. */
  open(bidirectional: boolean, priority: number): number | null;
  write(stream: number, bytes: Uint8Array, fin: boolean): void;
  reset(stream: number, code: number): void;
  stopSending(stream: number, code: number): void;
  /** One that cannot do it sends in the order of `open`. */
  setPriority?(stream: number, priority: number): void;
  datagram(bytes: Uint8Array): boolean;
  close(code: number, reason: string): void;
}

/** What the transport tells; `bytes` need be valid during the call only. After `closed` nothing follows. */
export interface SessionTransportEvents {
  opened(stream: number, bidirectional: boolean): void;
  data(stream: number, bytes: Uint8Array, fin: boolean): void;
  reset(stream: number, code: number): void;
  stopSending(stream: number, code: number): void;
  datagram(bytes: Uint8Array): void;
  credit(bidirectional: boolean): void;
  drained(): void;
  closed(info: { readonly code: number | null; readonly reason: string; readonly remote: boolean }): void;
}

export interface DriveOptions {
  /** Milliseconds on a clock that never steps; `at` uses the same. */
  nowMs(): number;
  /** Runs `run` once at `dueMs` or later, unless disposed of before. */
  at(dueMs: number, run: () => void): Disposable;
  /** Takes each notice in order. It may call commands of the session; an error that it throws is the caller's own. */
  onNotice(notice: Notice): void;
  /** The transport's backlog fell below the mark that the owner set on it. */
  onDrained?(): void;
}

/** Carries one session over one connection. */
export interface SessionDriver {
  readonly session: Session;
  /**
   * Carries out what the session wants done. To be called after commands that were given outside of `onNotice`;
   * inside it does nothing, since the running call goes on until all is quiet.
   */
  pump(): void;
  /** Bytes written to streams that wait for the peer's stream credit. */
  readonly waitingBytes: number;
  /** Requests that wait for it. A publisher may say PUBLISH_BLOCKED instead of adding to them (draft-18 §6.1). */
  readonly waitingRequests: number;
}

/**
 * Connects a session with its transport connection: events and time go in, actions are carried out, streams wait for
 * credit by priority, and in the order they were opened among equals. The driver is done when `closed` was noticed; it closes the connection only
 * when the session says so.
 */
export function driveSession(transport: SessionTransport, session: Session, options: DriveOptions): SessionDriver {
  const driver = new Driver(transport, session, options);
  driver.start();
  return driver;
}

class Driver implements SessionDriver, SessionTransportEvents {
  readonly session: Session;
  readonly #transport: SessionTransport;
  readonly #options: DriveOptions;
  readonly #streams: LocalStreams;
  readonly #action: Action = emptyAction();
  // Reused for every event of its kind: the session keeps none of them.
  readonly #data = { kind: 'data' as const, stream: 0, bytes: new Uint8Array(0) as Uint8Array, fin: false };
  readonly #onTimer = () => this.#timeout();
  #timer: Disposable | null = null;
  #timerMs: number | null = null;
  #pumping = false;
  #closed = false;

  constructor(transport: SessionTransport, session: Session, options: DriveOptions) {
    this.#transport = transport;
    this.session = session;
    this.#options = options;
    this.#streams = new LocalStreams(transport);
  }

  get waitingBytes(): number {
    return this.#streams.waitingBytes;
  }

  get waitingRequests(): number {
    return this.#streams.waitingRequests;
  }

  start(): void {
    this.#transport.listen(this);
    this.session.receive({ kind: 'connected' }, this.#options.nowMs());
    this.pump();
  }

  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      const action = this.#action;
      while (this.session.next(action)) this.#carryOut(action);
    } finally {
      this.#pumping = false;
    }
    this.#arm();
  }

  opened(stream: number, bidirectional: boolean): void {
    this.session.receive({ kind: 'opened', stream, bidirectional }, this.#options.nowMs());
    this.pump();
  }

  data(stream: number, bytes: Uint8Array, fin: boolean): void {
    const event = this.#data;
    event.stream = this.#streams.keyOf(stream);
    event.bytes = bytes;
    event.fin = fin;
    this.session.receive(event, this.#options.nowMs());
    if (fin) this.#streams.receiveEnded(event.stream);
    this.pump();
  }

  reset(stream: number, code: number): void {
    const key = this.#streams.keyOf(stream);
    this.session.receive({ kind: 'reset', stream: key, code }, this.#options.nowMs());
    this.#streams.receiveEnded(key);
    this.pump();
  }

  stopSending(stream: number, code: number): void {
    this.session.receive({ kind: 'stop-sending', stream: this.#streams.keyOf(stream), code }, this.#options.nowMs());
    this.pump();
  }

  datagram(bytes: Uint8Array): void {
    this.session.receive({ kind: 'datagram', bytes }, this.#options.nowMs());
    this.pump();
  }

  credit(bidirectional: boolean): void {
    this.#streams.credit(bidirectional);
  }

  drained(): void {
    this.#options.onDrained?.();
    this.pump();
  }

  closed(info: { readonly code: number | null; readonly reason: string; readonly remote: boolean }): void {
    this.#end();
    const { code, reason, remote } = info;
    this.session.receive({ kind: 'closed', code, reason, remote }, this.#options.nowMs());
    this.pump();
  }

  #carryOut(action: Action): void {
    if (action.kind === 'notice') this.#options.onNotice(action.notice!);
    else if (!this.#closed) this.#perform(action, action.stream);
  }

  #perform(action: Action, key: StreamKey): void {
    switch (action.kind) {
      case 'open':
        this.#streams.open(key, action.bidirectional, action.priority);
        break;
      case 'write':
        this.#streams.write(key, action.bytes, action.fin);
        break;
      case 'reset':
        this.#streams.reset(key, action.code);
        break;
      case 'stop-sending':
        this.#streams.stopSending(key, action.code);
        break;
      case 'prioritize':
        this.#streams.prioritize(key, action.priority);
        break;
      case 'datagram':
        this.#transport.datagram(action.bytes);
        break;
      case 'close':
        this.#end();
        this.#transport.close(action.code, action.reason);
    }
  }

  #end(): void {
    this.#closed = true;
    this.#streams.clear();
  }

  #timeout(): void {
    this.#timer = null;
    this.#timerMs = null;
    this.session.receive({ kind: 'timeout' }, this.#options.nowMs());
    this.pump();
  }

  // One timer at a time, moved only when the session's next deadline has moved.
  #arm(): void {
    const dueMs = this.session.nextTimeoutMs();
    if (dueMs === this.#timerMs) return;
    this.#timer?.[Symbol.dispose]();
    this.#timerMs = dueMs;
    this.#timer = dueMs === null ? null : this.#options.at(dueMs, this.#onTimer);
  }
}
