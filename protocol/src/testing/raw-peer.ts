import { CONTROL, CONTROL_FIRST, REQUEST_FIRST } from '../messages/context.js';
import { encodeMessage } from '../messages/frame.js';
import type { Message, MessageContext } from '../messages/message.js';
import { MOQT_18 } from '../profiles/moqt-18.js';
import { emptyAction } from '../session/action-queue.js';
import type { Action, Notice, StreamKey } from '../session/contract.js';
import { MoqtSession, type SessionConfig } from '../session/session.js';

/** A session under test whose peer is written byte by byte. */
export class RawPeer {
  readonly session: MoqtSession;
  readonly actions: Action[] = [];
  nowMs = 1000;
  #nextStream: StreamKey = 0;

  /** `config`: of the session under test. The peer's SETUP is sent, unless `setup` is false. */
  constructor(config: Partial<SessionConfig> = {}, setup = true) {
    this.session = new MoqtSession({ role: 'server', profile: MOQT_18, setup: {}, ...config });
    this.session.receive({ kind: 'connected' }, this.nowMs);
    this.collect();
    if (setup) this.open(false, setupBytes());
  }

  /** The peer opens a stream and writes `bytes`. */
  open(bidirectional: boolean, bytes: Uint8Array, fin = false): StreamKey {
    const stream = this.#nextStream++;
    this.session.receive({ kind: 'opened', stream, bidirectional }, this.nowMs);
    this.write(stream, bytes, fin);
    return stream;
  }

  write(stream: StreamKey, bytes: Uint8Array, fin = false): void {
    this.session.receive({ kind: 'data', stream, bytes, fin }, this.nowMs);
    this.collect();
  }

  reset(stream: StreamKey, code: number): void {
    this.session.receive({ kind: 'reset', stream, code }, this.nowMs);
    this.collect();
  }

  stopSending(stream: StreamKey, code: number): void {
    this.session.receive({ kind: 'stop-sending', stream, code }, this.nowMs);
    this.collect();
  }

  datagram(bytes: Uint8Array): void {
    this.session.receive({ kind: 'datagram', bytes }, this.nowMs);
    this.collect();
  }

  advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (let dueMs = this.session.nextTimeoutMs(); dueMs !== null && dueMs <= untilMs; ) {
      this.nowMs = Math.max(this.nowMs, dueMs);
      this.session.receive({ kind: 'timeout' }, this.nowMs);
      this.collect();
      dueMs = this.session.nextTimeoutMs();
    }
    this.nowMs = untilMs;
  }

  collect(): void {
    const action = emptyAction();
    while (this.session.next(action)) this.actions.push({ ...action });
  }

  /** The code that the session closed with, or null. */
  get closeCode(): number | null {
    return this.actions.find(({ kind }) => kind === 'close')?.code ?? null;
  }

  get notices(): Notice[] {
    return this.actions.filter(({ kind }) => kind === 'notice').map(({ notice }) => notice!);
  }

  /** What the session did to one stream. */
  on(stream: StreamKey): Action[] {
    return this.actions.filter((action) => action.kind !== 'notice' && action.stream === stream);
  }
}

export function setupBytes(): Uint8Array {
  return messageBytes({ kind: 'setup', options: {} }, CONTROL_FIRST);
}

export function goawayBytes(requestId: number, newSessionUri = ''): Uint8Array {
  return messageBytes({ kind: 'goaway', newSessionUri, timeoutMs: 0, requestId }, CONTROL);
}

/** A message as it stands on the wire; by default the first of a request stream. */
export function messageBytes(message: Message, context: MessageContext = REQUEST_FIRST): Uint8Array {
  return encodeMessage(MOQT_18, message, context);
}
