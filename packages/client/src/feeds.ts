import type { FullTrackName } from '@higgins/protocol';
import type { Runtime } from '@higgins/runtime';
import { SchemaError, type SignalRow } from '@higgins/signals';
import type { ClientCounters, ClientEvent } from './client-events.js';
import { DeadlineRule } from './core/deadline.js';
import type { HeldTrack } from './core/held-record.js';
import type { TrackContent } from './core/track-content.js';
import type { Link } from './link.js';
import type { StateStore } from './state-store.js';
import type { Subscription } from './subscription.js';
import { TrackFeed } from './track-feed.js';

export interface FeedsOptions {
  readonly runtime: Runtime;
  readonly store: StateStore;
  readonly counters: ClientCounters;
  onEvent(event: ClientEvent): void;
}

/** Makes the content of a track from what an earlier life held of it. Throws SchemaError if that cannot be read. */
export type RestoreContent<V> = (held: HeldTrack | undefined) => TrackContent<V>;

/** All tracks that a client follows: one feed each, however many subscriptions. */
export class Feeds {
  readonly #options: FeedsOptions;
  readonly #feeds = new Map<string, TrackFeed<unknown>>();
  readonly #rule = new DeadlineRule((writer, epoch) => {
    for (const feed of this.#feeds.values()) feed.reconsider(writer, epoch);
  });
  #link: Link | null = null;

  constructor(options: FeedsOptions) {
    this.#options = options;
  }

  subscribe<V>(signal: SignalRow, name: FullTrackName, restore: RestoreContent<V>): Subscription<V> {
    // One signal describes a track, so its feed has the type that the signal gives it.
    const known = this.#feeds.get(name.key) as TrackFeed<V> | undefined;
    return (known ?? this.#open(signal, name, restore)).subscribe();
  }

  /** A session is up: everything is followed over it from now on. */
  attach(link: Link): void {
    this.#link = link;
    for (const feed of this.#feeds.values()) feed.attach(link);
  }

  /** The session is gone. */
  detach(): void {
    this.#link = null;
    for (const feed of this.#feeds.values()) feed.detach();
  }

  freshnessChanged(name: FullTrackName): void {
    this.#feeds.get(name.key)?.freshnessChanged();
  }

  /** Ends all subscriptions. */
  close(): void {
    for (const feed of [...this.#feeds.values()]) feed.close();
  }

  #open<V>(signal: SignalRow, name: FullTrackName, restore: RestoreContent<V>): TrackFeed<V> {
    const { runtime, store, counters, onEvent } = this.#options;
    const feed = new TrackFeed<V>({
      ...this.#restored(name, restore),
      runtime,
      name,
      signal,
      rule: this.#rule,
      store,
      counters,
      onEvent,
      onIdle: () => {
        this.#feeds.delete(name.key);
        feed.close();
      },
    });
    this.#feeds.set(name.key, feed as unknown as TrackFeed<unknown>);
    if (this.#link !== null) feed.attach(this.#link);
    return feed;
  }

  // A value on disk that this version cannot read any more is as good as none.
  #restored<V>(name: FullTrackName, restore: RestoreContent<V>): { content: TrackContent<V>; held: HeldTrack | null } {
    const held = this.#options.store.get(name);
    try {
      return { content: restore(held), held: held ?? null };
    } catch (error) {
      if (!(error instanceof SchemaError)) throw error;
      this.#options.onEvent({ kind: 'storage-failed', file: name.key, reason: error.message });
      return { content: restore(undefined), held: null };
    }
  }
}
