import type { Action, Notice, StreamKey } from './contract.js';

const NO_BYTES = new Uint8Array(0);

/**
 * What a session wants done, in order: a ring of Action records that are filled again and again, so that an action
 * costs no allocation once the ring has grown to the largest burst.
 */
export class ActionQueue {
  #ring: Action[] = [];
  #head = 0;
  #count = 0;

  get size(): number {
    return this.#count;
  }

  open(stream: StreamKey, bidirectional: boolean, priority: number): void {
    const action = this.#push('open', stream);
    action.bidirectional = bidirectional;
    action.priority = priority;
  }

  /** `bytes` are handed over: nobody changes them any more. */
  write(stream: StreamKey, bytes: Uint8Array, fin: boolean): void {
    const action = this.#push('write', stream);
    action.bytes = bytes;
    action.fin = fin;
  }

  fin(stream: StreamKey): void {
    this.write(stream, NO_BYTES, true);
  }

  reset(stream: StreamKey, code: number): void {
    this.#push('reset', stream).code = code;
  }

  stopSending(stream: StreamKey, code: number): void {
    this.#push('stop-sending', stream).code = code;
  }

  prioritize(stream: StreamKey, priority: number): void {
    this.#push('prioritize', stream).priority = priority;
  }

  /** `bytes` are handed over. */
  datagram(bytes: Uint8Array): void {
    this.#push('datagram', 0).bytes = bytes;
  }

  close(code: number, reason: string): void {
    const action = this.#push('close', 0);
    action.code = code;
    action.reason = reason;
  }

  notice(notice: Notice): void {
    this.#push('notice', 0).notice = notice;
  }

  /** Moves the oldest action into `out`; false if there is none. */
  take(out: Action): boolean {
    if (this.#count === 0) return false;
    const action = this.#ring[this.#head]!;
    out.kind = action.kind;
    out.stream = action.stream;
    out.bidirectional = action.bidirectional;
    out.priority = action.priority;
    out.bytes = action.bytes;
    out.fin = action.fin;
    out.code = action.code;
    out.reason = action.reason;
    out.notice = action.notice;
    // A record that waits for its next use must not keep payloads alive.
    action.bytes = NO_BYTES;
    action.notice = null;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#count--;
    return true;
  }

  #push(kind: Action['kind'], stream: StreamKey): Action {
    if (this.#count === this.#ring.length) this.#grow();
    const action = this.#ring[(this.#head + this.#count) & (this.#ring.length - 1)]!;
    this.#count++;
    action.kind = kind;
    action.stream = stream;
    return action;
  }

  // The length stays a power of two, so that a mask wraps the index.
  #grow(): void {
    const ring: Action[] = [];
    for (let i = 0; i < this.#count; i++) ring.push(this.#ring[(this.#head + i) & (this.#ring.length - 1)]!);
    const length = Math.max(8, this.#ring.length * 2);
    while (ring.length < length) ring.push(emptyAction());
    this.#ring = ring;
    this.#head = 0;
  }
}

/** A record for `Session.next` to fill; one serves for the life of the caller. */
export function emptyAction(): Action {
  return {
    kind: 'notice',
    stream: 0,
    bidirectional: false,
    priority: 0,
    bytes: NO_BYTES,
    fin: false,
    code: 0,
    reason: '',
    notice: null,
  };
}
