import { protocolViolation, RequestError } from '../errors.js';
import type { Message } from '../messages/message.js';
import type { RequestUpdateMessage } from '../messages/request-update.js';
import type { RequestErrorInfo, RequestId, RequestOk } from './contract.js';
import type { SessionState } from './state.js';
import type { ResolvedParameters } from './tokens.js';

/** The request that the peer updates. */
export interface UpdateTarget {
  readonly id: RequestId;
  /** False once the request is over: its updates are of no interest then. */
  readonly alive: boolean;
  /** Sends a message on the request's stream. */
  send(message: Message, fin: boolean): void;
  /** Looks at an update before the application does; throws RequestError to reject it. */
  updated(parameters: ResolvedParameters): void;
  /** The session has rejected an update by itself: the request ends. */
  updateFailed(error: RequestErrorInfo): void;
}

/** REQUEST_UPDATEs of the peer's on one request stream (draft-18 §10.9). */
export class IncomingUpdates {
  readonly #state: SessionState;
  readonly #target: UpdateTarget;
  /** Updates that have no response yet. */
  #open = 0;
  /** Updates that came before the response to the request, whose own responses have to come after it. */
  #early: (() => void)[] = [];

  constructor(state: SessionState, target: UpdateTarget) {
    this.#state = state;
    this.#target = target;
  }

  /** `answered`: whether the response to the request itself has been sent. */
  take(message: RequestUpdateMessage, answered: boolean): void {
    this.#state.takePeerRequestId(message.requestId);
    if (this.#open >= this.#state.limits.updatesPerRequestMax) {
      throw protocolViolation(`request ${this.#target.id} has ${this.#open} updates without a response`);
    }
    this.#open++;
    const surface = this.#judge(message);
    if (answered) surface();
    else this.#early.push(surface);
  }

  /** The request has been answered: its updates may be, too. */
  release(): void {
    const early = this.#early;
    this.#early = [];
    for (const surface of early) if (this.#target.alive) surface();
  }

  /** REQUEST_OK for the oldest; false if none waits. */
  accept(ok: RequestOk): boolean {
    if (this.#open === 0) return false;
    this.#target.send({ kind: 'request-ok', ok }, false);
    this.#open--;
    return true;
  }

  /** One REQUEST_ERROR for all that wait (draft-18 §10.9.1); false if none does. */
  reject(error: RequestErrorInfo): boolean {
    if (this.#open === 0) return false;
    this.#open = 0;
    this.#target.send({ kind: 'request-error', error }, false);
    return true;
  }

  #judge(message: RequestUpdateMessage): () => void {
    try {
      const parameters = this.#state.tokens.resolve(message.parameters);
      this.#target.updated(parameters);
      return () => this.#state.notice({ kind: 'update', request: this.#target.id, parameters });
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      const { code, message: reason, retryIntervalMs } = error;
      return () => this.#target.updateFailed({ code, reason, retryIntervalMs });
    }
  }
}
