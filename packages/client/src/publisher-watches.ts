import { WATCHED_PUBLISHERS_MAX } from './limits.js';
import type { Subscription } from './subscription.js';

/** One consumer's interest in the heartbeats of a writer; disposing ends it. */
export interface PublisherWatch extends Disposable {
  readonly writerId: string;
  /** Heartbeats came, and then no more, with the own connection up. */
  readonly silent: boolean;
}

/** The heartbeats of one writer as they are followed. */
export interface HeartbeatFeed {
  /** Tells whenever something may have changed. */
  readonly subscription: Subscription<unknown>;
  /** Null: nothing can be said at this moment. */
  readonly silent: boolean | null;
}

export interface PublisherWatchesOptions {
  /** Follows the heartbeats of a writer; null if its id makes no track name. */
  follow(writerId: string): HeartbeatFeed | null;
  /** A writer fell silent, or is heard again. */
  onChange(writerId: string, silent: boolean): void;
}

/** Which writers are silent: one subscription to the heartbeats of each, however many tracks they write. */
export class PublisherWatches {
  readonly #options: PublisherWatchesOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: PublisherWatchesOptions) {
    this.#options = options;
  }

  /** Watches a writer; `onChange` is called when `silent` has changed. Null if that is not possible. */
  watch(writerId: string, onChange: () => void): PublisherWatch | null {
    const entry = this.#entries.get(writerId) ?? this.#open(writerId);
    if (entry === null) return null;
    entry.listeners.add(onChange);
    return {
      writerId,
      get silent() {
        return entry.silent;
      },
      [Symbol.dispose]: () => {
        if (!entry.listeners.delete(onChange) || entry.listeners.size > 0) return;
        this.#entries.delete(writerId);
        entry.feed.subscription.close();
      },
    };
  }

  #open(writerId: string): Entry | null {
    if (this.#entries.size >= WATCHED_PUBLISHERS_MAX) return null;
    const feed = this.#options.follow(writerId);
    if (feed === null) return null;
    const entry: Entry = { feed, silent: false, listeners: new Set() };
    this.#entries.set(writerId, entry);
    // Who may not read heartbeats goes without them.
    this.#follow(writerId, entry).catch(() => this.#told(writerId, entry, false));
    return entry;
  }

  async #follow(writerId: string, entry: Entry): Promise<void> {
    for await (const _update of entry.feed.subscription) this.#told(writerId, entry, entry.feed.silent);
  }

  #told(writerId: string, entry: Entry, silent: boolean | null): void {
    if (silent === null || silent === entry.silent) return;
    entry.silent = silent;
    this.#options.onChange(writerId, silent);
    for (const listener of [...entry.listeners]) listener();
  }
}

interface Entry {
  readonly feed: HeartbeatFeed;
  silent: boolean;
  readonly listeners: Set<() => void>;
}
