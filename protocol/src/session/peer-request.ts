import { protocolViolation, StreamResetCode } from '../errors.js';
import { type RequestKind, requestContext } from '../messages/context.js';
import type { Message } from '../messages/message.js';
import type { RequestErrorInfo, RequestId, RequestOk, StreamKey } from './contract.js';
import { IncomingUpdates, type UpdateTarget } from './incoming-updates.js';
import { RequestGoaway } from './request-goaway.js';
import type { RequestMessages } from './request-messages.js';
import type { SessionState, StreamHandler } from './state.js';
import type { ResolvedParameters } from './tokens.js';

/** The stream of a request of the peer's whose first message has been taken. */
export interface OpenedRequest {
  readonly id: RequestId;
  readonly stream: StreamKey;
  readonly messages: RequestMessages;
}

/** A request that the peer sent, on its bidirectional stream, until either side ends it (draft-18 §3.3.2, §10). */
export abstract class PeerRequest implements StreamHandler, UpdateTarget {
  readonly id: RequestId;
  readonly stream: StreamKey;
  protected readonly state: SessionState;
  /** The response to the request itself has been sent. */
  protected answered = false;
  readonly #kind: RequestKind;
  readonly #messages: RequestMessages;
  readonly #updates: IncomingUpdates;
  readonly #goaway: RequestGoaway;

  constructor(state: SessionState, opened: OpenedRequest, kind: RequestKind) {
    this.state = state;
    this.id = opened.id;
    this.stream = opened.stream;
    this.#kind = kind;
    this.#messages = opened.messages;
    this.#updates = new IncomingUpdates(state, this);
    this.#goaway = new RequestGoaway(state, opened.id);
    state.peers.set(this.id, this);
    state.streams.set(this.stream, this);
  }

  get alive(): boolean {
    return this.state.peers.get(this.id) === this;
  }

  data(bytes: Uint8Array, fin: boolean): void {
    this.#messages.push(bytes, fin);
    this.read(fin);
  }

  /** Takes the messages that have come whole. */
  read(fin: boolean): void {
    const context = requestContext(this.#kind, 'requester', this.answered);
    while (this.state.streams.get(this.stream) === this) {
      const message = this.#messages.next(context);
      if (message === null) break;
      this.#take(message);
    }
    if (this.#messages.excessive && this.state.streams.get(this.stream) === this) {
      this.cancelled(StreamResetCode.EXCESSIVE_LOAD);
      return;
    }
    if (fin && this.state.streams.get(this.stream) === this) this.finished();
  }

  reset(code: number): void {
    this.cancelled(code);
  }

  stopSending(code: number): void {
    this.cancelled(code);
  }

  /** REQUEST_ERROR, then FIN. */
  reject(error: RequestErrorInfo): void {
    this.checkUnanswered();
    this.send({ kind: 'request-error', error }, true);
    this.forget(StreamResetCode.CANCELLED);
  }

  acceptUpdate(ok: RequestOk): void {
    this.#updates.accept(ok);
  }

  /** One REQUEST_ERROR stands for all updates that wait for a response (draft-18 §10.9.1). */
  rejectUpdate(error: RequestErrorInfo): void {
    if (this.#updates.reject(error)) this.updateRejected();
  }

  /** Asks the peer to move the request (draft-18 §10.4). */
  goaway(newSessionUri: string, timeoutMs: number): void {
    this.#goaway.send(
      newSessionUri,
      timeoutMs,
      (message) => this.send(message, false),
      () => {
        this.abort(StreamResetCode.GOING_AWAY);
        this.state.notice({ kind: 'cancelled', request: this.id, code: StreamResetCode.GOING_AWAY });
      },
    );
  }

  /** Ends it without a message, on both directions. */
  abort(code: number): void {
    if (this.state.streams.get(this.stream) === this) {
      this.state.actions.reset(this.stream, code);
      this.state.actions.stopSending(this.stream, code);
    }
    this.forget(code);
  }

  /** The peer ended its direction: no updates will come. */
  protected finished(): void {}

  /** A failed update may end the request (draft-18 §10.9.1). */
  protected updateRejected(): void {}

  /** Ends the request after an update that the session rejected, where `updateRejected` does not. */
  protected endAfterUpdate(_error: RequestErrorInfo): void {}

  /** Takes what the requester sends besides updates and GOAWAY. */
  protected later(message: Message): void {
    throw protocolViolation(`${message.kind} from the requester`);
  }

  updated(_parameters: ResolvedParameters): void {}

  // Unlike for an update that the application rejected, the request ends here.
  updateFailed(error: RequestErrorInfo): void {
    this.rejectUpdate(error);
    if (this.alive) this.endAfterUpdate(error);
    this.state.notice({ kind: 'cancelled', request: this.id, code: StreamResetCode.CANCELLED });
  }

  /** Drops what is kept besides the request stream; data streams are reset with `code`. */
  protected dispose(_code: number): void {}

  /** Nothing is served any more; the application hears of it. */
  protected cancelled(code: number): void {
    this.abort(StreamResetCode.CANCELLED);
    this.state.notice({ kind: 'cancelled', request: this.id, code });
  }

  protected accept(message: Message, fin = false): void {
    this.checkUnanswered();
    this.send(message, fin);
    this.answered = true;
    this.#updates.release();
  }

  protected checkUnanswered(): void {
    if (this.answered) throw new Error(`request ${this.id} has been answered already`);
  }

  send(message: Message, fin: boolean): void {
    if (this.state.streams.get(this.stream) !== this) return;
    const context = requestContext(this.#kind, 'responder', this.answered);
    this.state.actions.write(this.stream, this.state.encode(message, context), fin);
  }

  protected forget(code: number): void {
    this.#goaway.cancel();
    this.#messages.release();
    this.state.peers.delete(this.id);
    this.state.streams.delete(this.stream);
    this.dispose(code);
  }

  #take(message: Message): void {
    if (message.kind === 'request-update') this.#updates.take(message, this.answered);
    else if (message.kind === 'goaway') this.#goaway.take(message);
    else this.later(message);
  }
}
