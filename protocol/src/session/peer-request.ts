import { protocolViolation, RequestError, StreamResetCode } from '../errors.js';
import { type RequestKind, requestContext } from '../messages/context.js';
import type { MessageStreamParser } from '../messages/frame.js';
import type { Message } from '../messages/message.js';
import type { RequestUpdateMessage } from '../messages/request-update.js';
import type { RequestErrorInfo, RequestId, RequestOk, StreamKey } from './contract.js';
import type { SessionState, StreamHandler } from './state.js';
import type { ResolvedParameters } from './tokens.js';

/** The stream of a request of the peer's whose first message has been taken. */
export interface OpenedRequest {
  readonly id: RequestId;
  readonly stream: StreamKey;
  readonly messages: MessageStreamParser;
}

/** A request that the peer sent, on its bidirectional stream, until either side ends it (draft-18 §3.3.2, §10). */
export abstract class PeerRequest implements StreamHandler {
  readonly id: RequestId;
  readonly stream: StreamKey;
  protected readonly state: SessionState;
  /** The response to the request itself has been sent. */
  protected answered = false;
  readonly #kind: RequestKind;
  readonly #messages: MessageStreamParser;
  /** REQUEST_UPDATEs that have no response yet. */
  #updatesOpen = 0;
  /** Updates that came before the response to the request, whose own responses have to come after it. */
  #early: (() => void)[] = [];
  #goawayReceived = false;

  constructor(state: SessionState, opened: OpenedRequest, kind: RequestKind) {
    this.state = state;
    this.id = opened.id;
    this.stream = opened.stream;
    this.#kind = kind;
    this.#messages = opened.messages;
    state.peers.set(this.id, this);
    state.streams.set(this.stream, this);
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
    if (fin) this.finished();
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
    if (this.#updatesOpen === 0) return;
    this.send({ kind: 'request-ok', ok }, false);
    this.#updatesOpen--;
  }

  /** One REQUEST_ERROR stands for all updates that wait for a response (draft-18 §10.9.1). */
  rejectUpdate(error: RequestErrorInfo): void {
    if (this.#updatesOpen === 0) return;
    this.#updatesOpen = 0;
    this.send({ kind: 'request-error', error }, false);
    this.updateRejected();
  }

  /** Ends it without a message, on both directions. */
  abort(code: number): void {
    this.state.actions.reset(this.stream, code);
    this.state.actions.stopSending(this.stream, code);
    this.forget(code);
  }

  /** The peer ended its direction: no updates will come. */
  protected finished(): void {}

  /** A failed update may end the request (draft-18 §10.9.1). */
  protected updateRejected(): void {}

  /** Ends the request after an update that the session rejected, where `updateRejected` does not. */
  protected updateFailed(_error: RequestErrorInfo): void {}

  /** Looks at an update before the application does. */
  protected updated(_parameters: ResolvedParameters): void {}

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
    const early = this.#early;
    this.#early = [];
    for (const surface of early) surface();
  }

  protected checkUnanswered(): void {
    if (this.answered) throw new Error(`request ${this.id} has been answered already`);
  }

  protected send(message: Message, fin: boolean): void {
    const context = requestContext(this.#kind, 'responder', this.answered);
    this.state.actions.write(this.stream, this.state.encode(message, context), fin);
  }

  protected forget(code: number): void {
    this.state.peers.delete(this.id);
    this.state.streams.delete(this.stream);
    this.dispose(code);
  }

  #take(message: Message): void {
    if (message.kind === 'request-update') this.#update(message);
    else if (message.kind === 'goaway') this.#goaway(message.newSessionUri, message.timeoutMs);
    else throw protocolViolation(`${message.kind} from the requester`);
  }

  #update(message: RequestUpdateMessage): void {
    this.state.takePeerRequestId(message.requestId);
    if (this.#updatesOpen >= this.state.limits.updatesPerRequestMax) {
      throw protocolViolation(`request ${this.id} has ${this.#updatesOpen} updates without a response`);
    }
    this.#updatesOpen++;
    const surface = this.#judge(message);
    if (this.answered) surface();
    else this.#early.push(surface);
  }

  #judge(message: RequestUpdateMessage): () => void {
    try {
      const parameters = this.state.tokens.resolve(message.parameters);
      this.updated(parameters);
      return () => this.state.notice({ kind: 'update', request: this.id, parameters });
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      const { code, message: reason, retryIntervalMs } = error;
      return () => this.#failUpdate({ code, reason, retryIntervalMs });
    }
  }

  // The session rejects an update by itself: unlike for one that the application rejected, the request ends here.
  #failUpdate(error: RequestErrorInfo): void {
    this.rejectUpdate(error);
    if (this.state.peers.get(this.id) === this) this.updateFailed(error);
    this.state.notice({ kind: 'cancelled', request: this.id, code: StreamResetCode.CANCELLED });
  }

  #goaway(newSessionUri: string, timeoutMs: number): void {
    if (this.#goawayReceived) throw protocolViolation('second GOAWAY on a request stream');
    this.#goawayReceived = true;
    this.state.checkGoawayUri(newSessionUri);
    this.state.notice({ kind: 'goaway', newSessionUri, timeoutMs, request: this.id });
  }
}
