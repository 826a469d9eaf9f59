import { CONTROL_FIRST, emptyAction, encodeMessage, MOQT_18, type MoqtSession } from '@higgins/protocol';

/** A server session that is given requests one by one, each of which is cancelled at once, and whether it has closed. */
export class CloseListener {
  closeCode: number | null = null;
  readonly #session: MoqtSession;
  readonly #action = emptyAction();

  constructor(session: MoqtSession) {
    this.#session = session;
  }

  /** The peer opens stream `index + 1` with a request, and resets it; returns the bytes that were sent. */
  request(index: number, bytes: Uint8Array): number {
    this.send(index + 1, true, bytes);
    this.#session.receive({ kind: 'reset', stream: index + 1, code: 1 }, 0);
    this.#drain();
    return bytes.length;
  }

  /** The peer opens a stream and writes to it. */
  send(stream: number, bidirectional: boolean, bytes: Uint8Array): void {
    this.#session.receive({ kind: 'opened', stream, bidirectional }, 0);
    this.#session.receive({ kind: 'data', stream, bytes, fin: false }, 0);
    this.#drain();
  }

  #drain(): void {
    while (this.#session.next(this.#action)) {
      if (this.#action.kind === 'close') this.closeCode = this.#action.code;
    }
  }
}

/** SETUP of the peer; returns its bytes. */
export function establish(listener: CloseListener): number {
  const setup = encodeMessage(MOQT_18, { kind: 'setup', options: {} }, CONTROL_FIRST);
  listener.send(0, false, setup);
  return setup.length;
}
