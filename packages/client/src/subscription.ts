import type { FullTrackName } from '@higgins/protocol';
import type { Refusal } from './core/track-follower.js';
import { SubscriptionError } from './errors.js';
import { EVENT_QUEUE_MAX } from './limits.js';
import type { StoredValue } from './stored-value.js';

/** What happened to a track since the last update that was taken. */
export interface Update<V> {
  /** The value now; null if there is none yet. */
  readonly current: StoredValue<V> | null;
  /** False if only deadline, freshness or condition changed, as by a renewal. */
  readonly valueChanged: boolean;
  /** The keys of a map that changed; empty for other shapes. */
  readonly changedKeys: ReadonlySet<string>;
  /** The newest object that was refused, if one was; `current` is what stays in force. */
  readonly refused: Refusal | null;
  /** Gaps that were found; those of a map are filled by a snapshot, those of an event track are gone for good. */
  readonly gaps: number;
}

/** The part of a Subscription that the track's feed uses. */
export interface SubscriptionSource<V> {
  readonly name: FullTrackName;
  /** Whether every update has to be seen, as on event tracks. */
  readonly every: boolean;
  current(): StoredValue<V> | null;
  closed(subscription: Subscription<V>): void;
}

/**
 * A consumer's view of one track: the value at any time, and its changes as an async iterable.
 *
 * A slow consumer of a state or map track gets the newest state, with what changed since it looked last; one of an event
 * track gets every event, or an error when too many wait. It never holds up the network.
 */
export class Subscription<V> implements AsyncIterableIterator<Update<V>>, AsyncDisposable {
  readonly #source: SubscriptionSource<V>;
  #pending: Update<V>[] = [];
  #waiting: { resolve(result: IteratorResult<Update<V>>): void; reject(error: unknown): void } | null = null;
  #ended = false;
  #error: SubscriptionError | null = null;

  /** Made by `Client.subscribe`. */
  constructor(source: SubscriptionSource<V>) {
    this.#source = source;
  }

  get name(): FullTrackName {
    return this.#source.name;
  }

  /** What is held now, computed at this moment; null before the first object. */
  get current(): StoredValue<V> | null {
    return this.#source.current();
  }

  /** Updates that wait to be taken; at most 1, but for events. */
  get waiting(): number {
    return this.#pending.length;
  }

  /** The next update; one consumer at a time. Rejects with SubscriptionError when the subscription is over. */
  next(): Promise<IteratorResult<Update<V>>> {
    if (this.#waiting !== null) throw new TypeError('the updates of a subscription have one consumer at a time');
    const update = this.#pending.shift();
    if (update !== undefined) return Promise.resolve({ done: false, value: this.#fresh(update) });
    if (this.#error !== null) return Promise.reject(this.#error);
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  async return(): Promise<IteratorResult<Update<V>>> {
    this.close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Ends the subscription; iteration ends after what waits. Idempotent. */
  close(): void {
    this.#end(null);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /** Called by the feed: something happened. */
  push(update: Update<V>): void {
    if (this.#ended) return;
    const waiting = this.#waiting;
    if (waiting !== null) {
      this.#waiting = null;
      waiting.resolve({ done: false, value: update });
      return;
    }
    const last = this.#pending.at(-1);
    if (last === undefined || this.#source.every) this.#pending.push(update);
    else this.#pending = [merge(last, update)];
    if (this.#pending.length > EVENT_QUEUE_MAX) {
      this.fail(new SubscriptionError('queue-full', `more than ${EVENT_QUEUE_MAX} events wait to be taken`));
    }
  }

  /** Called by the feed: the subscription cannot go on. */
  fail(error: SubscriptionError): void {
    this.#end(error);
  }

  #end(error: SubscriptionError | null): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#source.closed(this);
    const waiting = this.#waiting;
    this.#waiting = null;
    if (error === null) waiting?.resolve({ done: true, value: undefined });
    else waiting?.reject(error);
  }

  // A state that waited is told as it is now, not as it was.
  #fresh(update: Update<V>): Update<V> {
    return this.#source.every ? update : { ...update, current: this.#source.current() };
  }
}

function merge<V>(first: Update<V>, second: Update<V>): Update<V> {
  return {
    current: second.current,
    valueChanged: first.valueChanged || second.valueChanged,
    changedKeys: second.changedKeys.size === 0 ? first.changedKeys : first.changedKeys.union(second.changedKeys),
    refused: second.refused ?? first.refused,
    gaps: first.gaps + second.gaps,
  };
}
