import type { OwnSubscription } from './own-subscription.js';

/**
 * The tracks that we are the subscriber of, by Full Track Name. Established, or offered in a PUBLISH: one subscription
 * at most for each. SUBSCRIBEs without an answer: any number, of which the peer fails all but one (draft-18 §5.1).
 */
export class SubscriberTracks {
  readonly #held = new Map<string, object>();
  readonly #pending = new Map<string, Set<OwnSubscription>>();
  #pendingCount = 0;

  get size(): number {
    return this.#held.size + this.#pendingCount;
  }

  /** SUBSCRIBEs that have no answer yet. */
  get pendingCount(): number {
    return this.#pendingCount;
  }

  /** Whether a subscription stands, or a PUBLISH waits for our answer. */
  has(track: string): boolean {
    return this.#held.has(track);
  }

  /** A subscription has been established; if one has the track already, that one stays on record. */
  hold(track: string, subscription: object): void {
    if (!this.#held.has(track)) this.#held.set(track, subscription);
  }

  leave(track: string, subscription: object): void {
    if (this.#held.get(track) === subscription) this.#held.delete(track);
  }

  /** A SUBSCRIBE has been sent. */
  pend(track: string, subscription: OwnSubscription): void {
    const pending = this.#pending.get(track) ?? new Set();
    this.#pending.set(track, pending.add(subscription));
    this.#pendingCount++;
  }

  /** A SUBSCRIBE has its answer, or is given up. */
  settle(track: string, subscription: OwnSubscription): void {
    const pending = this.#pending.get(track);
    if (!pending?.delete(subscription)) return;
    this.#pendingCount--;
    if (pending.size === 0) this.#pending.delete(track);
  }

  /** The SUBSCRIBEs to a track that have no answer yet. */
  pending(track: string): readonly OwnSubscription[] {
    return [...(this.#pending.get(track) ?? [])];
  }

  clear(): void {
    this.#held.clear();
    this.#pending.clear();
    this.#pendingCount = 0;
  }
}
