import { protocolViolation } from '../errors.js';
import type { RequestErrorInfo, RequestId, RequestOk, RequestUpdateParameters } from './contract.js';
import type { SessionState } from './state.js';

/** REQUEST_UPDATEs of ours on one request stream; responses come in the order of the updates (draft-18 §10.9). */
export class OutgoingUpdates {
  readonly #state: SessionState;
  readonly #request: RequestId;
  #sent: RequestUpdateParameters[] = [];

  constructor(state: SessionState, request: RequestId) {
    this.#state = state;
    this.#request = request;
  }

  sent(parameters: RequestUpdateParameters): void {
    this.#sent.push(parameters);
  }

  /** REQUEST_OK has come; gives what it accepts, after the notice of it. */
  accepted(ok: RequestOk): RequestUpdateParameters {
    const parameters = this.#sent.shift();
    if (parameters === undefined) throw protocolViolation('second response to a request');
    this.#state.notice({ kind: 'update-ok', request: this.#request, ok });
    return parameters;
  }

  /** REQUEST_ERROR has come: one may stand for several updates that were taken together (draft-18 §10.9.1). */
  refused(error: RequestErrorInfo): void {
    if (this.#sent.length === 0) throw protocolViolation('second response to a request');
    this.#sent = [];
    this.#state.notice({ kind: 'request-error', request: this.#request, error, update: true });
  }
}
