import { StreamResetCode } from '../errors.js';
import type { FetchOk, FetchParameters, FetchRange, StreamKey } from './contract.js';
import { type DataEnd, DataSender } from './data-sender.js';
import { type OpenedRequest, PeerRequest } from './peer-request.js';
import type { SessionState } from './state.js';

/**
 * A FETCH of the peer's. It is served once FETCH_OK has been sent and its one data stream has been written to the end,
 * in whichever order (draft-18 §5.2, §10.12).
 */
export class PeerFetch extends PeerRequest {
  readonly range: FetchRange;
  readonly #parameters: FetchParameters;
  #noticed = false;
  #data: DataSender | null = null;
  #dataEnd: DataEnd | null = null;

  constructor(state: SessionState, opened: OpenedRequest, range: FetchRange, parameters: FetchParameters) {
    super(state, opened, 'fetch');
    this.range = range;
    this.#parameters = parameters;
  }

  /** Lets the application know of it. */
  surface(): void {
    this.#noticed = true;
    this.state.notice({ kind: 'fetch', request: this.id, range: this.range, parameters: this.#parameters });
  }

  acceptFetch(ok: FetchOk): void {
    const complete = this.#dataEnd !== null;
    this.accept({ kind: 'fetch-ok', ok }, complete);
    if (complete) this.forget(StreamResetCode.CANCELLED);
  }

  /** Opens the response stream; `head` is its FETCH_HEADER. */
  openData(head: Uint8Array, priority: number): StreamKey {
    if (this.#data !== null || this.#dataEnd !== null) throw new Error(`fetch ${this.id} has its data stream already`);
    this.#data = new DataSender(this.state, priority, head, (end, code) => this.#dataEnded(end, code));
    return this.#data.stream;
  }

  protected override cancelled(code: number): void {
    if (this.#noticed) super.cancelled(code);
    else this.abort(StreamResetCode.CANCELLED);
  }

  /** Draft-18 §10.9.1. */
  protected override updateRejected(): void {
    this.#close();
  }

  protected override dispose(code: number): void {
    this.state.joiningFetches.leave(this);
    const data = this.#data;
    this.#data = null;
    data?.abandon(code);
  }

  #dataEnded(end: DataEnd, code: number): void {
    // Null: the request itself is ending, and takes the data with it.
    if (this.#data === null) return;
    this.#data = null;
    this.#dataEnd = end;
    if (end === 'refused') this.cancelled(code);
    else if (this.answered) this.#close();
  }

  #close(): void {
    this.state.actions.fin(this.stream);
    this.forget(StreamResetCode.CANCELLED);
  }
}
