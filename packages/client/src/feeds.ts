import type { FullTrackName } from '@higgins/protocol';
import type { Runtime } from '@higgins/runtime';
import { publisherHeartbeat, SchemaError, type SignalRow } from '@higgins/signals';
import { type ClientCounters, type ClientEvent, newCounters } from './client-events.js';
import { DeadlineRule } from './core/deadline.js';
import type { HeldTrack } from './core/held-record.js';
import { type TrackContent, ValueContent } from './core/track-content.js';
import type { Way } from './core/track-order.js';
import { heartbeatName } from './heartbeat.js';
import { SUBSCRIBES_PER_TURN_MAX } from './limits.js';
import type { Link } from './link.js';
import { type HeartbeatFeed, PublisherWatches } from './publisher-watches.js';
import type { StateStore } from './state-store.js';
import type { Subscription } from './subscription.js';
import { TrackFeed, type TrackFeedOptions } from './track-feed.js';

export interface FeedsOptions {
  readonly runtime: Runtime;
  readonly store: StateStore;
  /** Holds heartbeats, which are worth nothing after a restart. */
  readonly heartbeatStore: StateStore;
  /** Whether the heartbeats of the writers of long-lived values are followed. */
  readonly heartbeats: boolean;
  readonly counters: ClientCounters;
  onEvent(event: ClientEvent): void;
}

/** Makes the content of a track from what an earlier life held of it. Throws SchemaError if that cannot be read. */
export type RestoreContent<V> = (held: HeldTrack | undefined) => TrackContent<V>;

/** What a client holds back at this moment. */
export interface ClientLevels {
  /** Tracks that are followed, heartbeats included. */
  readonly tracks: number;
  /** Subscriptions of consumers to them. */
  readonly consumers: number;
  /** Tracks among them that no session brings: it is being made, or the track has no publisher. */
  readonly unfollowed: number;
  /** Live objects that wait for others before them, of all tracks. */
  readonly waitingObjects: number;
  readonly waitingBytes: number;
  /** Updates that consumers of state and map tracks have not taken yet: at most one each. */
  readonly waitingUpdates: number;
  /** Events that consumers have not taken yet. */
  readonly waitingEvents: number;
}

/** All tracks that a client follows: one feed each, however many subscriptions. */
export class Feeds {
  readonly #options: FeedsOptions;
  readonly #feeds = new Map<string, TrackFeed<unknown>>();
  readonly #rule = new DeadlineRule((writer, epoch) => {
    for (const feed of this.#feeds.values()) feed.reconsider(writer, epoch);
  });
  readonly #watches: PublisherWatches;
  readonly #links = new Map<Link, Way>();
  #ways = 0;

  constructor(options: FeedsOptions) {
    this.#options = options;
    const { counters, onEvent } = options;
    this.#watches = new PublisherWatches({
      follow: (writerId) => this.#followHeartbeats(writerId),
      onChange: (writerId, silent) => {
        if (silent) counters.publishersLost += 1;
        onEvent({ kind: silent ? 'publisher-lost' : 'publisher-back', writerId });
      },
    });
  }

  /** What waits at this moment. */
  get levels(): ClientLevels {
    let [consumers, unfollowed, waitingObjects] = [0, 0, 0];
    let [waitingBytes, waitingUpdates, waitingEvents] = [0, 0, 0];
    for (const { every, followed, waiting, subscriptions } of this.#feeds.values()) {
      if (!followed) unfollowed += 1;
      waitingObjects += waiting.objects;
      waitingBytes += waiting.bytes;
      for (const subscription of subscriptions) {
        consumers += 1;
        if (every) waitingEvents += subscription.waiting;
        else waitingUpdates += subscription.waiting;
      }
    }
    const tracks = this.#feeds.size;
    return { tracks, consumers, unfollowed, waitingObjects, waitingBytes, waitingUpdates, waitingEvents };
  }

  subscribe<V>(signal: SignalRow, name: FullTrackName, restore: RestoreContent<V>): Subscription<V> {
    // One signal describes a track, so its feed has the type that the signal gives it.
    const known = this.#feeds.get(name.key) as TrackFeed<V> | undefined;
    return (known ?? this.#open(signal, name, restore)).subscribe();
  }

  /** A session is up: everything is followed over it from now on, beside those that are up already. */
  attach(link: Link): void {
    const way = this.#ways++;
    this.#links.set(link, way);
    this.#attachSome(link, way, this.#feeds.values());
  }

  /** A session is gone (`closed`), or to be left. */
  detach(link: Link, closed: boolean): void {
    if (!this.#links.delete(link)) return;
    for (const feed of [...this.#feeds.values()]) feed.detach(link, closed);
  }

  /** Whether nothing would be missed if that session were the only one. */
  caughtUp(link: Link): boolean {
    for (const feed of this.#feeds.values()) if (!feed.caughtUp(link)) return false;
    return true;
  }

  freshnessChanged(name: FullTrackName): void {
    this.#feeds.get(name.key)?.freshnessChanged();
  }

  /** Ends all subscriptions. */
  close(): void {
    for (const feed of [...this.#feeds.values()]) feed.close();
  }

  // What is subscribed to meanwhile comes by at the end, and has been attached by then.
  #attachSome(link: Link, way: Way, feeds: Iterator<TrackFeed<unknown>>): void {
    for (let attached = 0; attached < SUBSCRIBES_PER_TURN_MAX; attached++) {
      const { done, value: feed } = feeds.next();
      if (done) return;
      feed.attach(link, way);
    }
    const { runtime } = this.#options;
    runtime.at(runtime.bootMs(), () => {
      if (this.#links.has(link)) this.#attachSome(link, way, feeds);
    });
  }

  #open<V>(signal: SignalRow, name: FullTrackName, restore: RestoreContent<V>): TrackFeed<V> {
    const { store, counters, onEvent, heartbeats } = this.#options;
    return this.#add(signal, name, {
      ...this.#restored(name, restore),
      store,
      counters,
      onEvent,
      ...(heartbeats ? { watch: (writerId, onChange) => this.#watches.watch(writerId, onChange) } : {}),
    });
  }

  #add<V>(signal: SignalRow, name: FullTrackName, parts: FeedParts<V>): TrackFeed<V> {
    const feed = new TrackFeed<V>({
      ...parts,
      runtime: this.#options.runtime,
      name,
      signal,
      rule: this.#rule,
      onIdle: () => {
        this.#feeds.delete(name.key);
        feed.close();
      },
    });
    this.#feeds.set(name.key, feed as unknown as TrackFeed<unknown>);
    for (const [link, way] of this.#links) feed.attach(link, way);
    return feed;
  }

  // Heartbeats are no values of the consumer's: they count nowhere else.
  #followHeartbeats(writerId: string): HeartbeatFeed | null {
    const name = heartbeatName(writerId);
    if (name === null) return null;
    const known = this.#feeds.get(name.key);
    const feed =
      known ??
      this.#add(publisherHeartbeat, name, {
        content: new ValueContent(publisherHeartbeat),
        held: null,
        store: this.#options.heartbeatStore,
        counters: newCounters(),
        onEvent: () => undefined,
      });
    return {
      subscription: feed.subscribe(),
      get silent() {
        return feed.silent;
      },
    };
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

type FeedParts<V> = Omit<TrackFeedOptions<V>, 'runtime' | 'name' | 'signal' | 'rule' | 'onIdle'>;
