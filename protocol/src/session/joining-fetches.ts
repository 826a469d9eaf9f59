import { RequestErrorCode } from '../errors.js';
import type { RequestErrorInfo, RequestId } from './contract.js';
import type { Deadline } from './deadlines.js';
import { isBackwards } from './fetch-range.js';
import { OwnPublication } from './own-publication.js';
import type { PeerFetch } from './peer-fetch.js';
import { PeerSubscription } from './peer-subscription.js';
import type { SessionState } from './state.js';

/**
 * Joining FETCHes of the peer's, which name a SUBSCRIBE of the peer's or a PUBLISH of ours (draft-18 §10.12.2). A
 * requester sends both at once, on two streams: a FETCH that overtakes its SUBSCRIBE or its PUBLISH_OK waits for it,
 * bounded in number and time.
 */
export class JoiningFetches {
  readonly #state: SessionState;
  readonly #waiting = new Map<PeerFetch, { readonly subscription: RequestId; readonly deadline: Deadline }>();

  constructor(state: SessionState) {
    this.#state = state;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Surfaces a fetch, rejects it, or lets it wait. */
  admit(fetch: PeerFetch): void {
    const { range } = fetch;
    if (range.kind === 'standalone') {
      if (isBackwards(range.start, range.end)) fetch.reject(invalidRange('end location is before the start location'));
      else fetch.surface();
      return;
    }
    const { subscription } = range;
    const forward = this.#forwardOf(subscription);
    if (forward === true) fetch.surface();
    else if (forward === false)
      fetch.reject(invalidRange(`subscription ${subscription} has forward state 0, expected 1`));
    else if (!this.#mayWaitFor(subscription)) fetch.reject(unknownSubscription(subscription));
    else {
      const deadline = this.#state.after(this.#state.limits.joiningFetchWaitMs, () => {
        this.#waiting.delete(fetch);
        fetch.reject(unknownSubscription(subscription));
      });
      this.#waiting.set(fetch, { subscription, deadline });
    }
  }

  /** A subscription has come or gone, or the request with its ID turned out to be none. */
  arrived(request: RequestId): void {
    for (const [fetch, { subscription }] of this.#waiting) {
      if (subscription !== request) continue;
      this.leave(fetch);
      this.admit(fetch);
    }
  }

  leave(fetch: PeerFetch): void {
    this.#waiting.get(fetch)?.deadline.cancel();
    this.#waiting.delete(fetch);
  }

  clear(): void {
    this.#waiting.clear();
  }

  // Null: there is no subscription that can be joined, or none yet.
  #forwardOf(request: RequestId): boolean | null {
    const subscription = this.#state.peers.get(request) ?? this.#state.own.get(request);
    const joinable = subscription instanceof PeerSubscription || subscription instanceof OwnPublication;
    return joinable ? subscription.forward : null;
  }

  #mayWaitFor(subscription: RequestId): boolean {
    if (this.#waiting.size >= this.#state.limits.joiningFetchesWaitingMax) return false;
    return this.#state.peerIds.mayArrive(subscription) || this.#state.own.get(subscription) instanceof OwnPublication;
  }
}

function invalidRange(reason: string): RequestErrorInfo {
  return { code: RequestErrorCode.INVALID_RANGE, reason, retryIntervalMs: null };
}

function unknownSubscription(request: RequestId): RequestErrorInfo {
  return {
    code: RequestErrorCode.INVALID_JOINING_REQUEST_ID,
    reason: `request ${request} is not a subscription that is pending or established`,
    retryIntervalMs: null,
  };
}
