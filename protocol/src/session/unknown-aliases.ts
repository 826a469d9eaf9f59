import { StreamResetCode } from '../errors.js';
import type { Vi64 } from '../model/vi64.js';
import type { Deadline } from './deadlines.js';
import type { OwnSubscription } from './own-subscription.js';
import type { SessionState } from './state.js';

/** A subgroup stream whose Track Alias is not known yet; it holds its own bytes. */
export interface AliasWaiter {
  /** The alias is known: goes on with what is held and with what comes. */
  resume(subscription: OwnSubscription): void;
  /** It waited in vain. */
  abandon(code: number): void;
}

/**
 * Subgroup streams that overtook the SUBSCRIBE_OK that names their alias: they wait for a short time, bounded in number
 * here and in bytes by the session's budget (draft-18 §11.4.2).
 */
export class UnknownAliases {
  readonly #state: SessionState;
  readonly #waiting = new Map<AliasWaiter, { readonly alias: Vi64; readonly deadline: Deadline }>();
  /** Aliases of subscriptions that are over: late streams of theirs are refused at once (draft-18 §11.1). */
  readonly #retired = new Set<Vi64>();

  constructor(state: SessionState) {
    this.#state = state;
  }

  get size(): number {
    return this.#waiting.size;
  }

  has(waiter: AliasWaiter): boolean {
    return this.#waiting.has(waiter);
  }

  /** Lets a stream wait; false if it has to be refused. */
  wait(alias: Vi64, waiter: AliasWaiter): boolean {
    const { unknownAliasStreamsMax, unknownAliasWaitMs } = this.#state.limits;
    if (this.#waiting.size >= unknownAliasStreamsMax) return false;
    // The publisher may give a retired alias to the same track again, in an answer that is still on its way.
    if (this.#retired.has(alias) && this.#state.subscriptionsPending === 0) return false;
    const deadline = this.#state.after(unknownAliasWaitMs, () => {
      this.#waiting.delete(waiter);
      waiter.abandon(StreamResetCode.CANCELLED);
    });
    this.#waiting.set(waiter, { alias, deadline });
    return true;
  }

  /** A waiting stream was reset, or holds too much. */
  leave(waiter: AliasWaiter): void {
    this.#waiting.get(waiter)?.deadline.cancel();
    this.#waiting.delete(waiter);
  }

  /** Streams that waited for `alias` go on, in the order in which they came. */
  established(alias: Vi64, subscription: OwnSubscription): void {
    this.#retired.delete(alias);
    for (const [waiter, entry] of this.#waiting) {
      if (entry.alias !== alias) continue;
      this.leave(waiter);
      waiter.resume(subscription);
    }
  }

  retire(alias: Vi64): void {
    this.#retired.add(alias);
    if (this.#retired.size <= this.#state.limits.retiredAliasesMax) return;
    for (const oldest of this.#retired) {
      this.#retired.delete(oldest);
      return;
    }
  }

  clear(): void {
    this.#waiting.clear();
    this.#retired.clear();
  }
}
