import { findInteger } from '../data/properties.js';
import { PropertyType } from '../data/property-types.js';
import { SessionError, SessionTerminationCode, StreamResetCode } from '../errors.js';
import { DEFAULT_PUBLISHER_PRIORITY } from '../model/objects.js';
import type { Vi64 } from '../model/vi64.js';
import type { PublishDone, RequestId, RequestUpdateParameters } from './contract.js';
import type { Deadline } from './deadlines.js';
import { giveUpTrack } from './malformed-track.js';
import type { SessionState } from './state.js';
import type { LostStream } from './unknown-aliases.js';

/** A data stream of a subscription, as the subscription sees it. */
export interface SubscriptionStream {
  /** Refuses the rest of it. */
  abandon(code: number): void;
}

/** The subscription that receives: a SUBSCRIBE of ours or a PUBLISH of the peer's. */
export interface ReceptionOwner {
  readonly id: RequestId;
  /** The key of the Full Track Name. */
  readonly track: string;
  /** The subscription has to be cancelled with `streamCode`, and the application told with `errorCode`. */
  giveUp(streamCode: number, errorCode: number, reason: string): void;
  /** All that came before PUBLISH_DONE is there, or was waited for long enough. */
  ended(done: PublishDone): void;
  /** Whether that many bytes of data more may be taken at this point. */
  admits(bytes: number): boolean;
}

/**
 * The receiving end of a subscription, whoever started it: its alias and its data. After PUBLISH_DONE it lives on until
 * as many data streams have come and ended as the publisher says that it opened, or until a time-out (draft-18 §10.11).
 */
export class Reception {
  readonly owner: ReceptionOwner;
  /** Priority of objects whose header states none (draft-18 §12.4). */
  defaultPriority: number = DEFAULT_PUBLISHER_PRIORITY;
  readonly #state: SessionState;
  #alias: Vi64 | null = null;
  #deliveryTimeoutMs = 0;
  readonly #streams = new Set<SubscriptionStream>();
  #streamsSeen = 0;
  #done: PublishDone | null = null;
  #lateStreamsOver = false;
  #deadline: Deadline | null = null;

  constructor(state: SessionState, owner: ReceptionOwner) {
    this.#state = state;
    this.owner = owner;
  }

  /** True from `establish` to PUBLISH_DONE. */
  get established(): boolean {
    return this.#alias !== null && this.#done === null;
  }

  /** The publisher has named the alias; throws DUPLICATE_TRACK_ALIAS (draft-18 §11.1). */
  establish(alias: Vi64, trackProperties: Uint8Array | undefined): void {
    const holder = this.#state.aliases.get(alias);
    if (holder?.established) {
      const text = `track alias ${alias} stands for the track of request ${holder.owner.id} already`;
      throw new SessionError(SessionTerminationCode.DUPLICATE_TRACK_ALIAS, text);
    }
    this.#alias = alias;
    this.defaultPriority = defaultPriorityOf(trackProperties);
    this.#state.aliases.set(alias, this);
  }

  /** Takes the streams that came before `establish`. */
  resumeWaiting(): void {
    if (this.#alias !== null) this.#state.unknownAliases.established(this.#alias, this);
  }

  streamStarted(stream: SubscriptionStream): void {
    this.#streams.add(stream);
    this.#streamsSeen++;
  }

  /** A stream of this subscription's came and went before `establish`: its objects are missing. */
  streamLost({ stream, header, code }: LostStream): void {
    this.#streamsSeen++;
    this.#state.notice({ kind: 'subgroup-reset', request: this.owner.id, stream, header, code });
  }

  streamEnded(stream: SubscriptionStream): void {
    this.#streams.delete(stream);
    if (this.#done !== null) this.#endIfComplete(this.#done);
  }

  /** The track contradicts itself: the subscription is cancelled (draft-18 §2.4.2). */
  malformed(reason: string): void {
    giveUpTrack(this.#state, this.owner.track, reason);
  }

  /** Time-outs that are asked for: late streams are waited for that long at least. */
  noteTimeouts({ objectDeliveryTimeoutMs = 0, subgroupDeliveryTimeoutMs = 0 }: RequestUpdateParameters): void {
    const longest = Math.max(Number(objectDeliveryTimeoutMs), Number(subgroupDeliveryTimeoutMs));
    this.#deliveryTimeoutMs = Math.max(this.#deliveryTimeoutMs, longest);
  }

  /** PUBLISH_DONE has come. */
  done(done: PublishDone): void {
    this.#done = done;
    if (this.#endIfComplete(done)) return;
    const { publishDoneWaitMs, publishDoneWaitMsMax } = this.#state.limits;
    const waitMs = Math.min(Math.max(publishDoneWaitMs, this.#deliveryTimeoutMs), publishDoneWaitMsMax);
    this.#deadline = this.#state.after(waitMs, () => this.#noMoreStreams(done));
  }

  /** The subscription is over: what still comes for it is refused. */
  dispose(): void {
    this.#deadline?.cancel();
    for (const stream of this.#streams) stream.abandon(StreamResetCode.CANCELLED);
    this.#streams.clear();
    if (this.#alias === null || this.#state.aliases.get(this.#alias) !== this) return;
    this.#state.aliases.delete(this.#alias);
    this.#state.unknownAliases.retire(this.#alias);
  }

  // Streams that are open still may end in peace, for a bounded time; none that opens from now on is waited for.
  #noMoreStreams(done: PublishDone): void {
    this.#lateStreamsOver = true;
    if (this.#endIfComplete(done)) return;
    this.#deadline = this.#state.after(this.#state.limits.publishDoneWaitMsMax, () => this.owner.ended(done));
  }

  #endIfComplete(done: PublishDone): boolean {
    if (this.#streams.size > 0) return false;
    if (this.#streamsSeen < done.streamCount && !this.#lateStreamsOver) return false;
    this.owner.ended(done);
    return true;
  }
}

function defaultPriorityOf(trackProperties: Uint8Array | undefined): number {
  if (trackProperties === undefined) return DEFAULT_PUBLISHER_PRIORITY;
  return Number(findInteger(trackProperties, PropertyType.DEFAULT_PUBLISHER_PRIORITY) ?? DEFAULT_PUBLISHER_PRIORITY);
}
