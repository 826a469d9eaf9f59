import { StreamResetCode } from '../errors.js';
import type { SubgroupHeader } from '../model/objects.js';
import type { Vi64 } from '../model/vi64.js';
import type { StreamKey } from './contract.js';
import type { Deadline } from './deadlines.js';
import type { Reception } from './reception.js';
import type { SessionState } from './state.js';

/** A subgroup stream or a datagram whose Track Alias is not known yet; it holds its own bytes. */
export interface AliasWaiter {
  /** The alias is known: goes on with what is held and with what comes. */
  resume(reception: Reception): void;
  /** It waited in vain. */
  abandon(code: number): void;
}

/** A subgroup stream that was over before its alias was known. */
export interface LostStream {
  readonly stream: StreamKey;
  readonly header: SubgroupHeader;
  /** Of the STOP_SENDING that refused it, or of the peer's reset. */
  readonly code: number;
}

/**
 * Data that overtook the SUBSCRIBE_OK or the PUBLISH that names its alias: it waits for a short time, bounded in number
 * here and in bytes by the session's budget (draft-18 §11.3, §11.4.2).
 */
export class UnknownAliases {
  readonly #state: SessionState;
  readonly #waiting = new Map<AliasWaiter, { readonly alias: Vi64; readonly deadline: Deadline }>();
  /** Aliases of subscriptions that are over: late streams of theirs are refused at once (draft-18 §11.1). */
  readonly #retired = new Set<Vi64>();
  /** Streams whose alias may still become known: whoever it belongs to has lost objects and is told so. */
  #lost: LostStream[] = [];

  constructor(state: SessionState) {
    this.#state = state;
  }

  get size(): number {
    return this.#waiting.size;
  }

  has(waiter: AliasWaiter): boolean {
    return this.#waiting.has(waiter);
  }

  /** Lets it wait; false if it has to be refused. */
  wait(alias: Vi64, waiter: AliasWaiter): boolean {
    const { unknownAliasStreamsMax, unknownAliasWaitMs } = this.#state.limits;
    if (this.#waiting.size >= unknownAliasStreamsMax) return false;
    if (this.#isOver(alias)) return false;
    const deadline = this.#state.after(unknownAliasWaitMs, () => {
      this.#waiting.delete(waiter);
      waiter.abandon(StreamResetCode.CANCELLED);
    });
    this.#waiting.set(waiter, { alias, deadline });
    return true;
  }

  /** One that waits was reset, or holds too much. */
  leave(waiter: AliasWaiter): void {
    this.#waiting.get(waiter)?.deadline.cancel();
    this.#waiting.delete(waiter);
  }

  /** It is over; if its alias becomes known, the subscription hears of it. */
  lost(stream: LostStream): void {
    if (this.#isOver(stream.header.trackAlias)) return;
    this.#lost.push(stream);
    if (this.#lost.length > this.#state.limits.unknownAliasStreamsMax) this.#lost.shift();
  }

  /** What waited for `alias` goes on, in the order in which it came; what was lost counts as reset. */
  established(alias: Vi64, reception: Reception): void {
    this.#retired.delete(alias);
    for (const stream of this.#takeLost(alias)) reception.streamLost(stream);
    for (const [waiter, entry] of this.#waiting) {
      if (entry.alias !== alias) continue;
      this.leave(waiter);
      // One before may have shown that the track is malformed, which ends the subscription.
      if (this.#state.aliases.get(alias) === reception) waiter.resume(reception);
      else waiter.abandon(StreamResetCode.CANCELLED);
    }
  }

  /** `alias` is that of a PUBLISH that was refused: what waits for it is, too (draft-18 §10.10). */
  refuse(alias: Vi64): void {
    this.retire(alias);
    for (const [waiter, entry] of this.#waiting) {
      if (entry.alias !== alias) continue;
      this.leave(waiter);
      waiter.abandon(StreamResetCode.CANCELLED);
    }
  }

  retire(alias: Vi64): void {
    this.#takeLost(alias);
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
    this.#lost = [];
  }

  // The publisher may give a retired alias to the same track again, in an answer that is still on its way.
  #isOver(alias: Vi64): boolean {
    return this.#retired.has(alias) && this.#state.subscriberTracks.pendingCount === 0;
  }

  #takeLost(alias: Vi64): LostStream[] {
    if (this.#lost.length === 0) return this.#lost;
    const taken = this.#lost.filter(({ header }) => header.trackAlias === alias);
    if (taken.length > 0) this.#lost = this.#lost.filter(({ header }) => header.trackAlias !== alias);
    return taken;
  }
}
