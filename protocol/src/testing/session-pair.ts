import { emptyAction } from '../session/action-queue.js';
import type { Action, Notice, SessionEvent, StreamKey } from '../session/contract.js';
import type { MoqtSession } from '../session/session.js';

/** How a pair delivers. */
export interface PairOptions {
  /** Picks which of `count` streams with something under way goes next; default: the one that waits longest. */
  readonly pick?: (count: number) => number;
  /** Cuts what is under way on a stream into pieces of at most this many bytes; default: as written. */
  readonly pieceBytes?: number;
}

/**
 * Two sessions joined back to back in memory, without a transport. Order holds within what one side does to one stream;
 * across streams `pick` may reorder.
 */
export class SessionPair {
  readonly client: SessionEnd;
  readonly server: SessionEnd;
  nowMs = 1000;
  readonly #options: PairOptions;
  readonly #packets: Packet[] = [];

  constructor(client: MoqtSession, server: MoqtSession, options: PairOptions = {}) {
    this.client = new SessionEnd('client', client);
    this.server = new SessionEnd('server', server);
    this.#options = options;
    client.receive({ kind: 'connected' }, this.nowMs);
    server.receive({ kind: 'connected' }, this.nowMs);
  }

  /** Delivers until nothing is under way. */
  run(): void {
    while (this.step()) {
      // Each step delivers one event.
    }
  }

  /** Delivers one event; false if there is none. */
  step(): boolean {
    this.#collect(this.client, this.server);
    this.#collect(this.server, this.client);
    const lanes = [...new Set(this.#packets.map((packet) => packet.lane))];
    if (lanes.length === 0) return false;
    const lane = lanes[this.#options.pick?.(lanes.length) ?? 0];
    const index = this.#packets.findIndex((packet) => packet.lane === lane);
    const packet = this.#packets[index]!;
    this.#packets.splice(index, 1);
    packet.to.session.receive(packet.event, this.nowMs);
    this.#collect(this.client, this.server);
    this.#collect(this.server, this.client);
    return true;
  }

  /** Runs what is due until `nowMs + ms`, then delivers. */
  advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const dueMs = Math.min(
        this.client.session.nextTimeoutMs() ?? Number.POSITIVE_INFINITY,
        this.server.session.nextTimeoutMs() ?? Number.POSITIVE_INFINITY,
      );
      if (dueMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, dueMs);
      this.client.session.receive({ kind: 'timeout' }, this.nowMs);
      this.server.session.receive({ kind: 'timeout' }, this.nowMs);
      this.run();
    }
    this.nowMs = untilMs;
    this.run();
  }

  #collect(from: SessionEnd, to: SessionEnd): void {
    const action = emptyAction();
    while (from.session.next(action)) {
      from.actions.push({ ...action });
      if (action.kind === 'notice') from.notices.push(action.notice!);
      else this.#send(from, to, action);
    }
  }

  #send(from: SessionEnd, to: SessionEnd, action: Action): void {
    const lane = `${from.name} ${action.stream}`;
    const stream = -action.stream;
    const { code } = action;
    switch (action.kind) {
      case 'open':
        this.#post(to, lane, { kind: 'opened', stream, bidirectional: action.bidirectional });
        break;
      case 'write':
        this.#write(to, lane, stream, action.bytes, action.fin);
        break;
      case 'reset':
        this.#dropData(lane);
        this.#post(to, lane, { kind: 'reset', stream, code });
        break;
      case 'stop-sending':
        this.#post(to, lane, { kind: 'stop-sending', stream, code });
        break;
      case 'datagram':
        this.#post(to, `${from.name} datagrams`, { kind: 'datagram', bytes: action.bytes });
        break;
      case 'close':
        this.#post(to, `${from.name} close`, { kind: 'closed', code, reason: action.reason, remote: true });
    }
  }

  #write(to: SessionEnd, lane: string, stream: StreamKey, bytes: Uint8Array, fin: boolean): void {
    const pieceBytes = this.#options.pieceBytes ?? Math.max(1, bytes.length);
    for (let start = 0; start + pieceBytes < bytes.length; start += pieceBytes) {
      this.#post(to, lane, { kind: 'data', stream, bytes: bytes.slice(start, start + pieceBytes), fin: false });
    }
    const rest = bytes.length === 0 ? 0 : bytes.length - 1 - ((bytes.length - 1) % pieceBytes);
    this.#post(to, lane, { kind: 'data', stream, bytes: bytes.slice(rest), fin });
  }

  // A reset overtakes data of its stream, as in QUIC.
  #dropData(lane: string): void {
    for (let i = this.#packets.length - 1; i >= 0; i--) {
      const packet = this.#packets[i]!;
      if (packet.lane === lane && packet.event.kind === 'data') this.#packets.splice(i, 1);
    }
  }

  #post(to: SessionEnd, lane: string, event: SessionEvent): void {
    this.#packets.push({ to, lane, event });
  }
}

/** One side of a pair, with everything that its session said. */
export class SessionEnd {
  readonly name: string;
  readonly session: MoqtSession;
  readonly notices: Notice[] = [];
  readonly actions: Action[] = [];

  constructor(name: string, session: MoqtSession) {
    this.name = name;
    this.session = session;
  }

  /** The notices of one kind, in order. */
  all<K extends Notice['kind']>(kind: K): Extract<Notice, { kind: K }>[] {
    return this.notices.filter((notice): notice is Extract<Notice, { kind: K }> => notice.kind === kind);
  }

  /** The only notice of its kind. */
  one<K extends Notice['kind']>(kind: K): Extract<Notice, { kind: K }> {
    const found = this.all(kind);
    if (found.length !== 1) throw new Error(`${this.name} has ${found.length} notices of kind ${kind}, expected one`);
    return found[0]!;
  }

  kinds(): Notice['kind'][] {
    return this.notices.map((notice) => notice.kind);
  }
}

interface Packet {
  readonly to: SessionEnd;
  readonly lane: string;
  readonly event: SessionEvent;
}
