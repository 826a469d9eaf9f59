import { EncodeError, protocolViolation } from '../errors.js';
import type { GoawayMessage } from '../messages/goaway.js';
import type { RequestId } from './contract.js';
import type { Deadline } from './deadlines.js';
import type { SessionState } from './state.js';

/** GOAWAY on one request stream, either way (draft-18 §10.4). */
export class RequestGoaway {
  readonly #state: SessionState;
  readonly #request: RequestId;
  #received = false;
  #sent = false;
  #deadline: Deadline | null = null;

  constructor(state: SessionState, request: RequestId) {
    this.#state = state;
    this.#request = request;
  }

  /** The peer wants the request to move. */
  take({ newSessionUri, timeoutMs }: GoawayMessage): void {
    if (this.#received) throw protocolViolation('second GOAWAY on a request stream');
    this.#received = true;
    this.#state.checkGoawayUri(newSessionUri);
    this.#state.notice({ kind: 'goaway', newSessionUri, timeoutMs, request: this.#request });
  }

  /** Sends it through `send`, once; `expire` ends the request after `timeoutMs`, unless that is 0. */
  send(newSessionUri: string, timeoutMs: number, send: (message: GoawayMessage) => void, expire: () => void): void {
    if (this.#sent) return;
    if (this.#state.role === 'client' && newSessionUri !== '') {
      throw new EncodeError('GOAWAY of a client names a session uri, expected none');
    }
    send({ kind: 'goaway', newSessionUri, timeoutMs, requestId: null });
    this.#sent = true;
    if (timeoutMs === 0) return;
    // A command brings no time with it: the wait starts with the next event, and this deadline makes one due at once.
    this.#deadline = this.#state.after(0, () => {
      this.#deadline = this.#state.after(timeoutMs, expire);
    });
  }

  /** The request is over. */
  cancel(): void {
    this.#deadline?.cancel();
    this.#deadline = null;
  }
}
