import { findInteger } from '../data/properties.js';
import { PropertyType } from '../data/property-types.js';
import {
  protocolViolation,
  RequestErrorCode,
  SessionError,
  SessionTerminationCode,
  StreamResetCode,
} from '../errors.js';
import type { Message } from '../messages/message.js';
import { DEFAULT_PUBLISHER_PRIORITY } from '../model/objects.js';
import type { Vi64 } from '../model/vi64.js';
import type { PublishDone, RequestId, RequestUpdateParameters, SubscribeOk, SubscribeParameters } from './contract.js';
import type { Deadline } from './deadlines.js';
import { OwnRequest } from './own-request.js';
import type { SessionState } from './state.js';

/** A data stream of a subscription, as the subscription sees it. */
export interface SubscriptionStream {
  /** Refuses the rest of it. */
  abandon(code: number): void;
}

/**
 * A SUBSCRIBE of ours. After PUBLISH_DONE it lives on until as many data streams have come and ended as the publisher
 * says that it opened, or until a time-out (draft-18 §10.11); `publish-done` is its last notice.
 */
export class OwnSubscription extends OwnRequest {
  /** Priority of objects whose header states none (draft-18 §12.4). */
  defaultPriority: number = DEFAULT_PUBLISHER_PRIORITY;
  #alias: Vi64 | null = null;
  #deliveryTimeoutMs = 0;
  readonly #streams = new Set<SubscriptionStream>();
  #streamsSeen = 0;
  #done: PublishDone | null = null;
  #lateStreamsOver = false;
  #deadline: Deadline | null = null;

  constructor(state: SessionState, id: RequestId, message: Uint8Array, parameters: SubscribeParameters) {
    super(state, id, 'subscribe', message);
    this.#noteTimeouts(parameters);
    state.subscriptionsPending++;
  }

  /** True from SUBSCRIBE_OK to PUBLISH_DONE. */
  get established(): boolean {
    return this.#alias !== null && this.#done === null;
  }

  override update(parameters: RequestUpdateParameters): void {
    super.update(parameters);
    this.#noteTimeouts(parameters);
  }

  streamStarted(stream: SubscriptionStream): void {
    this.#streams.add(stream);
    this.#streamsSeen++;
  }

  streamEnded(stream: SubscriptionStream): void {
    this.#streams.delete(stream);
    if (this.#done !== null) this.#endIfComplete(this.#done);
  }

  /** The track contradicts itself: the subscription is cancelled (draft-18 §2.4.2). */
  malformed(reason: string): void {
    this.cancel(StreamResetCode.MALFORMED_TRACK);
    const error = { code: RequestErrorCode.MALFORMED_TRACK, reason, retryIntervalMs: null };
    this.state.notice({ kind: 'request-error', request: this.id, error, update: false });
  }

  protected override accepted(message: Message): void {
    if (message.kind !== 'subscribe-ok') throw protocolViolation(`${message.kind} answers SUBSCRIBE`);
    const { ok } = message;
    const holder = this.state.aliases.get(ok.trackAlias);
    if (holder?.established) {
      const text = `track alias ${ok.trackAlias} stands for the track of request ${holder.id} already`;
      throw new SessionError(SessionTerminationCode.DUPLICATE_TRACK_ALIAS, text);
    }
    this.state.subscriptionsPending--;
    this.#alias = ok.trackAlias;
    this.defaultPriority = defaultPriorityOf(ok);
    this.state.aliases.set(ok.trackAlias, this);
    this.state.notice({ kind: 'subscribe-ok', request: this.id, ok });
    this.state.unknownAliases.established(ok.trackAlias, this);
  }

  protected override later(message: Message): void {
    if (message.kind !== 'publish-done') throw protocolViolation(`${message.kind} on an established subscription`);
    this.#done = message.done;
    this.closeStream();
    if (this.#endIfComplete(message.done)) return;
    const { publishDoneWaitMs, publishDoneWaitMsMax } = this.state.limits;
    const waitMs = Math.min(Math.max(publishDoneWaitMs, this.#deliveryTimeoutMs), publishDoneWaitMsMax);
    this.#deadline = this.state.after(waitMs, () => this.#noMoreStreams(message.done));
  }

  protected override dispose(): void {
    if (this.#alias === null) this.state.subscriptionsPending--;
    this.#deadline?.cancel();
    for (const stream of this.#streams) stream.abandon(StreamResetCode.CANCELLED);
    this.#streams.clear();
    if (this.#alias === null || this.state.aliases.get(this.#alias) !== this) return;
    this.state.aliases.delete(this.#alias);
    this.state.unknownAliases.retire(this.#alias);
  }

  // Streams that are open still may end in peace, for a bounded time; none that opens from now on is waited for.
  #noMoreStreams(done: PublishDone): void {
    this.#lateStreamsOver = true;
    if (this.#endIfComplete(done)) return;
    this.#deadline = this.state.after(this.state.limits.publishDoneWaitMsMax, () => this.#end(done));
  }

  #endIfComplete(done: PublishDone): boolean {
    if (this.#streams.size > 0) return false;
    if (this.#streamsSeen < done.streamCount && !this.#lateStreamsOver) return false;
    this.#end(done);
    return true;
  }

  #end(done: PublishDone): void {
    this.forget();
    this.state.notice({ kind: 'publish-done', request: this.id, done });
  }

  #noteTimeouts({ objectDeliveryTimeoutMs = 0, subgroupDeliveryTimeoutMs = 0 }: SubscribeParameters): void {
    const longest = Math.max(Number(objectDeliveryTimeoutMs), Number(subgroupDeliveryTimeoutMs));
    this.#deliveryTimeoutMs = Math.max(this.#deliveryTimeoutMs, longest);
  }
}

function defaultPriorityOf({ trackProperties }: SubscribeOk): number {
  if (trackProperties === undefined) return DEFAULT_PUBLISHER_PRIORITY;
  return Number(findInteger(trackProperties, PropertyType.DEFAULT_PUBLISHER_PRIORITY) ?? DEFAULT_PUBLISHER_PRIORITY);
}
