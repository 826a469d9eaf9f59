import { protocolViolation, StreamResetCode } from '../errors.js';
import { type RequestKind, requestContext } from '../messages/context.js';
import type { Message } from '../messages/message.js';
import type { RequestErrorInfo, RequestId, RequestUpdateParameters, StreamKey } from './contract.js';
import { OutgoingUpdates } from './outgoing-updates.js';
import { RequestGoaway } from './request-goaway.js';
import { RequestMessages } from './request-messages.js';
import type { SessionState, StreamHandler } from './state.js';

/** Request streams go before any data: one that waits would keep its data waiting. */
const REQUEST_PRIORITY = 1;

/**
 * A request that we sent, on its bidirectional stream: one response, then responses to updates and what the kind of
 * request allows, until either side ends it (draft-18 §3.3.2, §10).
 */
export abstract class OwnRequest implements StreamHandler {
  readonly id: RequestId;
  readonly stream: StreamKey;
  protected readonly state: SessionState;
  /** The response to the request itself has come. */
  protected answered = false;
  readonly #kind: RequestKind;
  readonly #messages: RequestMessages;
  readonly #updates: OutgoingUpdates;
  readonly #goaway: RequestGoaway;
  #sendOpen = true;

  /** `message` is the request itself, encoded; with `fin` it is the only message of our direction. */
  constructor(state: SessionState, id: RequestId, kind: RequestKind, message: Uint8Array, fin = false) {
    this.state = state;
    this.id = id;
    this.#kind = kind;
    this.#messages = new RequestMessages(state);
    this.#updates = new OutgoingUpdates(state, id);
    this.#goaway = new RequestGoaway(state, id);
    this.stream = state.openStream(true, REQUEST_PRIORITY, this);
    state.own.set(id, this);
    this.#write(message, fin);
  }

  /** Takes the first response, if it is not REQUEST_ERROR. */
  protected abstract accepted(message: Message): void;

  /** Takes what comes later and answers no update. */
  protected later(message: Message): void {
    throw protocolViolation(`${message.kind} answers nothing`);
  }

  /** An update was accepted; the application has its notice. */
  protected updateAccepted(_parameters: RequestUpdateParameters): void {}

  /** Drops what is kept besides the request stream. */
  protected dispose(): void {}

  /** Sends REQUEST_UPDATE, unless the peer takes no more. Throws EncodeError for what this request does not have. */
  update(parameters: RequestUpdateParameters): void {
    if (!this.#sendOpen) return;
    const context = requestContext(this.#kind, 'requester', this.answered);
    const bytes = this.state.encodeRequest((requestId) => ({ kind: 'request-update', requestId, parameters }), context);
    this.#updates.sent(parameters);
    this.#write(bytes, false);
  }

  /** Asks the peer to move the request (draft-18 §10.4). */
  goaway(newSessionUri: string, timeoutMs: number): void {
    this.#goaway.send(
      newSessionUri,
      timeoutMs,
      (message) => this.send(message, false),
      () => {
        this.cancel(StreamResetCode.GOING_AWAY);
        this.notifyError({ code: null, reason: 'request did not move in time', retryIntervalMs: null });
      },
    );
  }

  /** Sends a message on our direction, if it is open. */
  send(message: Message, fin: boolean): void {
    const context = requestContext(this.#kind, 'requester', this.answered);
    if (this.#sendOpen) this.#write(this.state.encode(message, context), fin);
  }

  data(bytes: Uint8Array, fin: boolean): void {
    this.#messages.push(bytes, fin);
    for (;;) {
      const message = this.#messages.next(requestContext(this.#kind, 'responder', this.answered));
      if (message === null) break;
      this.#take(message);
      if (!this.receiving) return;
    }
    if (this.#messages.excessive) {
      this.cancel(StreamResetCode.EXCESSIVE_LOAD);
      this.notifyError({ code: null, reason: 'peer sends too many messages in part', retryIntervalMs: null });
      return;
    }
    if (fin) this.closed(null);
  }

  reset(code: number): void {
    this.closed(code);
  }

  /** The responder reads no more of it: updates can't be sent, responses may still come. */
  stopSending(code: number): void {
    if (!this.#sendOpen) return;
    this.#sendOpen = false;
    this.state.actions.reset(this.stream, code);
  }

  /** Abandons the request on both directions (draft-18 §3.3.2). */
  cancel(code: number): void {
    if (this.#sendOpen) this.state.actions.reset(this.stream, code);
    this.#sendOpen = false;
    if (this.receiving) this.state.actions.stopSending(this.stream, code);
    this.forget();
  }

  protected get receiving(): boolean {
    return this.state.streams.get(this.stream) === this;
  }

  /** The peer's direction ended without a last message; `code` is null for FIN. */
  protected closed(code: number | null): void {
    const how = code === null ? 'closed' : `reset with code ${code}`;
    this.forget();
    this.notifyError({ code: null, reason: `request stream ${how} by the peer`, retryIntervalMs: null });
  }

  /** The request stream is of no more use: closes our direction and takes nothing from the other. */
  protected closeStream(): void {
    if (this.#sendOpen) this.state.actions.fin(this.stream);
    this.#sendOpen = false;
    this.#messages.release();
    this.state.streams.delete(this.stream);
  }

  /** The request is over, and not by a command. */
  protected notifyError(error: RequestErrorInfo): void {
    this.state.notice({ kind: 'request-error', request: this.id, error, update: false });
  }

  /** The request is over and leaves nothing behind. */
  protected forget(): void {
    this.#goaway.cancel();
    this.closeStream();
    this.state.own.delete(this.id);
    this.dispose();
  }

  #write(bytes: Uint8Array, fin: boolean): void {
    this.state.actions.write(this.stream, bytes, fin);
    if (fin) this.#sendOpen = false;
  }

  #take(message: Message): void {
    if (message.kind === 'goaway') this.#goaway.take(message);
    else if (message.kind === 'request-error') this.#refused(message.error);
    else if (!this.answered) {
      this.answered = true;
      this.accepted(message);
    } else if (message.kind === 'request-ok') this.updateAccepted(this.#updates.accepted(message.ok));
    else this.later(message);
  }

  #refused(error: RequestErrorInfo): void {
    this.state.checkRedirect(error, this.#kind);
    if (this.answered) {
      this.#updates.refused(error);
      return;
    }
    this.forget();
    this.notifyError(error);
  }
}
