import type { ObjectDatagram } from '../data/datagram.js';
import { PublishDoneCode, protocolViolation, StreamResetCode } from '../errors.js';
import type { Message } from '../messages/message.js';
import type { FullTrackName } from '../model/names.js';
import { STREAM_COUNT_UNKNOWN } from '../model/requests.js';
import type { Vi64 } from '../model/vi64.js';
import type { PublishDone, RequestErrorInfo, RequestId, RequestOk, StreamKey } from './contract.js';
import { IncomingUpdates, type UpdateTarget } from './incoming-updates.js';
import { OwnRequest } from './own-request.js';
import { SentData } from './sent-data.js';
import type { SessionState } from './state.js';
import type { ResolvedParameters } from './tokens.js';

/**
 * A PUBLISH of ours: a subscription of the peer's that we start as publisher (draft-18 §5.1, §10.10). It ends with our
 * PUBLISH_DONE, or when the peer refuses or cancels it, which `request-error` tells.
 */
export class OwnPublication extends OwnRequest implements UpdateTarget {
  readonly name: FullTrackName;
  readonly #trackAlias: Vi64;
  readonly #updates: IncomingUpdates;
  readonly #data: SentData;
  #forward = false;
  /** STOP_SENDING came before the answer. */
  #stoppedWith: number | null = null;

  constructor(state: SessionState, id: RequestId, message: Uint8Array, name: FullTrackName, trackAlias: Vi64) {
    super(state, id, 'publish', message);
    this.name = name;
    this.#trackAlias = trackAlias;
    this.#updates = new IncomingUpdates(state, this);
    this.#data = new SentData(state);
    state.publisherTracks.set(name.key, this);
  }

  /** The Forward State once the peer has accepted it, else null: it can't be joined before (draft-18 §10.12.2). */
  get forward(): boolean | null {
    return this.answered ? this.#forward : null;
  }

  get alive(): boolean {
    return this.state.own.get(this.id) === this;
  }

  get streamsOpened(): number {
    return this.#data.opened;
  }

  /** PUBLISH_DONE, then FIN; what is still open of its data streams is reset before (draft-18 §10.11). */
  publishDone(done: PublishDone): void {
    this.#data.reset(StreamResetCode.CANCELLED);
    this.send({ kind: 'publish-done', done }, true);
    this.forget();
  }

  openData(head: Uint8Array, priority: number): StreamKey {
    return this.#data.open(head, priority);
  }

  sendDatagram(datagram: Omit<ObjectDatagram, 'trackAlias'>): void {
    this.#data.datagram({ ...datagram, trackAlias: this.#trackAlias });
  }

  acceptUpdate(ok: RequestOk): void {
    this.#updates.accept(ok);
  }

  rejectUpdate(error: RequestErrorInfo): void {
    this.#updates.reject(error);
  }

  updated(parameters: ResolvedParameters): void {
    this.#forward = parameters.forward ?? this.#forward;
  }

  updateFailed(error: RequestErrorInfo): void {
    this.rejectUpdate(error);
    const { reason } = error;
    this.publishDone({ code: PublishDoneCode.UPDATE_FAILED, streamCount: STREAM_COUNT_UNKNOWN, reason });
    this.notifyError({ code: null, reason, retryIntervalMs: null });
  }

  /**
   * The subscriber ends the subscription (draft-18 §5.1). One that has not answered may still say why: its refusal is on
   * the other direction, which STOP_SENDING can overtake.
   */
  override stopSending(code: number): void {
    if (this.answered) {
      this.#cancelled(code);
      return;
    }
    this.#stoppedWith = code;
    this.#data.reset(StreamResetCode.CANCELLED);
    super.stopSending(code);
  }

  protected override accepted(message: Message): void {
    if (message.kind !== 'request-ok') throw protocolViolation(`${message.kind} answers PUBLISH`);
    if (this.#stoppedWith !== null) {
      this.#cancelled(this.#stoppedWith);
      return;
    }
    const { ok } = message;
    this.#forward = ok.forward ?? true;
    this.state.notice({ kind: 'publish-ok', request: this.id, ok });
    this.state.joiningFetches.arrived(this.id);
  }

  protected override later(message: Message): void {
    if (message.kind !== 'request-update') throw protocolViolation(`${message.kind} on an established subscription`);
    this.#updates.take(message, true);
  }

  // A subscriber that will update nothing may close its direction; the subscription goes on.
  protected override closed(code: number | null): void {
    if (code !== null) this.#cancelled(code);
    else if (!this.answered) super.closed(null);
  }

  #cancelled(code: number): void {
    this.cancel(StreamResetCode.CANCELLED);
    super.closed(code);
  }

  protected override dispose(): void {
    if (this.state.publisherTracks.get(this.name.key) === this) this.state.publisherTracks.delete(this.name.key);
    this.#data.reset(StreamResetCode.CANCELLED);
    this.state.joiningFetches.arrived(this.id);
  }
}
