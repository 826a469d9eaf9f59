import { RequestErrorCode, StreamResetCode } from '../errors.js';
import { requestContext } from '../messages/context.js';
import type { Message } from '../messages/message.js';
import type { PublishMessage } from '../messages/publish.js';
import type { PublishDone, PublishOk, RequestErrorInfo, RequestUpdateParameters } from './contract.js';
import { OutgoingUpdates } from './outgoing-updates.js';
import { type OpenedRequest, PeerRequest } from './peer-request.js';
import { Reception, type ReceptionOwner } from './reception.js';
import type { SessionState } from './state.js';

/**
 * A PUBLISH of the peer's: a subscription of ours that the peer starts as publisher (draft-18 §5.1, §10.10). Its data is
 * taken from the start, before it is answered, within a budget. `publish-done` or `cancelled` is its last notice.
 */
export class PeerPublication extends PeerRequest implements ReceptionOwner {
  readonly track: string;
  readonly #reception: Reception;
  readonly #updates: OutgoingUpdates;
  #unansweredBytes = 0;
  #done = false;

  constructor(state: SessionState, opened: OpenedRequest, { name, trackAlias, trackProperties }: PublishMessage) {
    super(state, opened, 'publish');
    this.track = name.key;
    this.#updates = new OutgoingUpdates(state, opened.id);
    this.#reception = new Reception(state, this);
    this.#reception.establish(trackAlias, trackProperties);
    state.subscriberTracks.hold(name.key, this);
  }

  /** The application knows of it: takes the data that came before. */
  start(): void {
    this.#reception.resumeWaiting();
  }

  acceptPublish(ok: PublishOk): void {
    this.checkUnanswered();
    this.#giveUpPending();
    this.#reception.noteTimeouts(ok);
    this.accept({ kind: 'request-ok', ok }, this.#done);
    if (this.#done) this.state.streams.delete(this.stream);
    this.#releaseBudget();
  }

  /** REQUEST_UPDATE; throws EncodeError if it is not accepted yet. */
  update(parameters: RequestUpdateParameters): void {
    const { state } = this;
    if (state.streams.get(this.stream) !== this) return;
    const context = requestContext('publish', 'responder', this.answered);
    const bytes = state.encodeRequest((requestId) => ({ kind: 'request-update', requestId, parameters }), context);
    this.#updates.sent(parameters);
    this.#reception.noteTimeouts(parameters);
    state.actions.write(this.stream, bytes, false);
  }

  giveUp(streamCode: number): void {
    this.abort(streamCode);
    this.state.notice({ kind: 'cancelled', request: this.id, code: streamCode });
  }

  ended(done: PublishDone): void {
    // Each PUBLISH has its answer, even one that was over before the application gave one (draft-18 §5.1).
    if (!this.answered) this.send({ kind: 'request-error', error: OVER }, true);
    this.forget(StreamResetCode.CANCELLED);
    this.state.notice({ kind: 'publish-done', request: this.id, done });
  }

  admits(bytes: number): boolean {
    if (this.answered) return true;
    if (!this.state.unanswered.take(bytes)) return false;
    this.#unansweredBytes += bytes;
    return true;
  }

  protected override later(message: Message): void {
    if (message.kind === 'request-ok') this.#updates.accepted(message.ok);
    else if (message.kind === 'request-error') {
      this.state.checkRedirect(message.error, 'publish');
      this.#updates.refused(message.error);
    } else if (message.kind === 'publish-done' && !this.#done) this.#end(message.done);
    else super.later(message);
  }

  // Without PUBLISH_DONE the publisher has given it up.
  protected override finished(): void {
    if (!this.#done) this.cancelled(StreamResetCode.CANCELLED);
  }

  // After PUBLISH_DONE the stream matters no more, but data may be on its way.
  protected override cancelled(code: number): void {
    if (this.#done) this.state.streams.delete(this.stream);
    else super.cancelled(code);
  }

  protected override endAfterUpdate(): void {
    this.state.actions.fin(this.stream);
    this.state.actions.stopSending(this.stream, StreamResetCode.CANCELLED);
    this.forget(StreamResetCode.CANCELLED);
  }

  protected override dispose(): void {
    this.state.subscriberTracks.leave(this.track, this);
    this.#reception.dispose();
    this.#releaseBudget();
  }

  #end(done: PublishDone): void {
    this.#done = true;
    if (this.answered) {
      this.state.actions.fin(this.stream);
      this.state.streams.delete(this.stream);
    }
    this.#reception.done(done);
  }

  // A SUBSCRIBE of ours that crossed the PUBLISH is over before PUBLISH_OK goes (draft-18 §5.1).
  #giveUpPending(): void {
    for (const subscription of this.state.subscriberTracks.pending(this.track)) {
      const reason = `track is received by the PUBLISH with request id ${this.id}`;
      subscription.giveUp(StreamResetCode.CANCELLED, RequestErrorCode.DUPLICATE_SUBSCRIPTION, reason);
    }
  }

  #releaseBudget(): void {
    this.state.unanswered.give(this.#unansweredBytes);
    this.#unansweredBytes = 0;
  }
}

const OVER: RequestErrorInfo = {
  code: RequestErrorCode.UNINTERESTED,
  reason: 'publish ended before it was answered',
  retryIntervalMs: null,
};
