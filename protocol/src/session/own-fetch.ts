import { protocolViolation, RequestErrorCode, StreamResetCode } from '../errors.js';
import type { Message } from '../messages/message.js';
import type { Location } from '../model/location.js';
import type { FetchOk, FetchParameters, FetchRange, GroupOrder, RequestId } from './contract.js';
import { isBackwards, startOf } from './fetch-range.js';
import { OwnRequest } from './own-request.js';
import { OwnSubscription } from './own-subscription.js';
import { PeerPublication } from './peer-publication.js';
import type { SubscriptionStream } from './reception.js';
import type { SessionState } from './state.js';

/**
 * A FETCH of ours: over when its one data stream is reset, or has ended and FETCH_OK has come, in whichever order
 * (draft-18 §5.2, §10.12). `fetch-end` or `fetch-reset` is its last notice.
 */
export class OwnFetch extends OwnRequest {
  readonly groupOrder: GroupOrder;
  /** The key of the Full Track Name; null if the subscription that it joins is none. */
  readonly track: string | null;
  readonly #start: Location | null;
  #data: SubscriptionStream | null = null;
  #dataStarted = false;
  #dataComplete = false;

  constructor(state: SessionState, id: RequestId, message: Uint8Array, range: FetchRange, parameters: FetchParameters) {
    super(state, id, 'fetch', message);
    this.groupOrder = parameters.groupOrder ?? 'ascending';
    this.#start = startOf(range);
    this.track = trackOf(state, range);
    state.ownFetches.set(id, this);
  }

  dataStarted(stream: SubscriptionStream): void {
    if (this.#dataStarted) throw protocolViolation(`fetch ${this.id} has a second data stream`);
    this.#dataStarted = true;
    this.#data = stream;
  }

  /** The data stream ended with FIN. */
  dataEnded(): void {
    this.#data = null;
    this.#dataComplete = true;
    if (this.answered) this.#end();
  }

  dataReset(code: number): void {
    this.#data = null;
    this.cancel(StreamResetCode.CANCELLED);
    this.state.notice({ kind: 'fetch-reset', request: this.id, code });
  }

  /** Cancels it, and tells the application so. */
  giveUp(code: number): void {
    this.cancel(code);
    this.state.notice({ kind: 'fetch-reset', request: this.id, code });
  }

  protected override accepted(message: Message): void {
    if (message.kind !== 'fetch-ok') throw protocolViolation(`${message.kind} answers FETCH`);
    this.#checkEnd(message.ok);
    const fault = this.state.unsupported(message.ok.trackProperties);
    if (fault !== null) {
      this.cancel(StreamResetCode.CANCELLED);
      this.notifyError({ code: RequestErrorCode.UNSUPPORTED_EXTENSION, reason: fault, retryIntervalMs: null });
      return;
    }
    this.state.notice({ kind: 'fetch-ok', request: this.id, ok: message.ok });
    if (this.#dataComplete) this.#end();
  }

  // After FETCH_OK the publisher may close the request stream and go on with the data.
  protected override closed(code: number | null): void {
    if (!this.answered) super.closed(code);
    else if (code === null) this.closeStream();
    else {
      this.forget();
      this.state.notice({ kind: 'fetch-reset', request: this.id, code });
    }
  }

  protected override dispose(): void {
    this.state.ownFetches.delete(this.id);
    this.#data?.abandon(StreamResetCode.CANCELLED);
    this.#data = null;
  }

  #end(): void {
    this.forget();
    this.state.notice({ kind: 'fetch-end', request: this.id });
  }

  #checkEnd({ end }: FetchOk): void {
    if (this.#start === null || !isBackwards(this.#start, end)) return;
    throw protocolViolation(`end location of fetch ${this.id} is before its start`);
  }
}

function trackOf(state: SessionState, range: FetchRange): string | null {
  if (range.kind === 'standalone') return range.name.key;
  const subscription = state.own.get(range.subscription) ?? state.peers.get(range.subscription);
  return subscription instanceof OwnSubscription || subscription instanceof PeerPublication ? subscription.track : null;
}
