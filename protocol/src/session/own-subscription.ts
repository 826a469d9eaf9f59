import { protocolViolation, RequestErrorCode, StreamResetCode } from '../errors.js';
import type { Message } from '../messages/message.js';
import type { FullTrackName } from '../model/names.js';
import type { PublishDone, RequestId, RequestUpdateParameters, SubscribeOk, SubscribeParameters } from './contract.js';
import { OwnRequest } from './own-request.js';
import { Reception, type ReceptionOwner } from './reception.js';
import type { SessionState } from './state.js';

/** A SUBSCRIBE of ours (draft-18 §5.1, §10.7); `publish-done` or `request-error` is its last notice. */
export class OwnSubscription extends OwnRequest implements ReceptionOwner {
  readonly track: string;
  readonly #reception: Reception;

  constructor(
    state: SessionState,
    id: RequestId,
    message: Uint8Array,
    { key }: FullTrackName,
    parameters: SubscribeParameters,
  ) {
    super(state, id, 'subscribe', message);
    this.track = key;
    this.#reception = new Reception(state, this);
    this.#reception.noteTimeouts(parameters);
    state.subscriberTracks.pend(key, this);
  }

  override update(parameters: RequestUpdateParameters): void {
    super.update(parameters);
    this.#reception.noteTimeouts(parameters);
  }

  giveUp(streamCode: number, errorCode: number, reason: string): void {
    this.cancel(streamCode);
    this.notifyError({ code: errorCode, reason, retryIntervalMs: null });
  }

  ended(done: PublishDone): void {
    this.forget();
    this.state.notice({ kind: 'publish-done', request: this.id, done });
  }

  /** We asked for it. */
  admits(): boolean {
    return true;
  }

  protected override accepted(message: Message): void {
    if (message.kind !== 'subscribe-ok') throw protocolViolation(`${message.kind} answers SUBSCRIBE`);
    const fault = this.state.unsupported(message.ok.trackProperties);
    if (fault === null) this.#establish(message.ok);
    else this.giveUp(StreamResetCode.CANCELLED, RequestErrorCode.UNSUPPORTED_EXTENSION, fault);
  }

  protected override later(message: Message): void {
    if (message.kind !== 'publish-done') throw protocolViolation(`${message.kind} on an established subscription`);
    this.closeStream();
    this.#reception.done(message.done);
  }

  protected override dispose(): void {
    this.state.subscriberTracks.settle(this.track, this);
    this.state.subscriberTracks.leave(this.track, this);
    this.#reception.dispose();
  }

  #establish(ok: SubscribeOk): void {
    this.#reception.establish(ok.trackAlias, ok.trackProperties);
    this.state.subscriberTracks.settle(this.track, this);
    this.state.subscriberTracks.hold(this.track, this);
    this.state.notice({ kind: 'subscribe-ok', request: this.id, ok });
    this.#reception.resumeWaiting();
  }
}
