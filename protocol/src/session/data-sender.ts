import type { StreamKey } from './contract.js';
import type { SessionState, StreamHandler } from './state.js';

/** How a data stream of ours came to its end: all of it written, given up by us, or refused by the peer. */
export type DataEnd = 'complete' | 'reset' | 'refused';

/** A unidirectional data stream that we send singly. */
export class DataSender implements StreamHandler {
  readonly stream: StreamKey;
  readonly #state: SessionState;
  readonly #onEnd: (end: DataEnd, code: number) => void;

  /** Opens it and writes `head`; `onEnd` is called once. */
  constructor(state: SessionState, priority: number, head: Uint8Array, onEnd: (end: DataEnd, code: number) => void) {
    this.#state = state;
    this.#onEnd = onEnd;
    this.stream = state.openStream(false, priority, this);
    state.actions.write(this.stream, head, false);
  }

  write(bytes: Uint8Array, fin: boolean): void {
    this.#state.actions.write(this.stream, bytes, fin);
    if (fin) this.#end('complete', 0);
  }

  abandon(code: number): void {
    this.#state.actions.reset(this.stream, code);
    this.#end('reset', code);
  }

  /** A refused stream has to be reset (draft-18 §11.4.3). */
  stopSending(code: number): void {
    this.#state.actions.reset(this.stream, code);
    this.#end('refused', code);
  }

  /** Nothing comes back on a unidirectional stream. */
  data(): void {}

  reset(): void {}

  #end(end: DataEnd, code: number): void {
    this.#state.streams.delete(this.stream);
    this.#onEnd(end, code);
  }
}
