import type { FullTrackName } from '@higgins/protocol';
import { type Applied, applied, appliedKey } from '@higgins/signals';
import type { Published } from './commit-log.js';
import type { Publisher } from './publisher.js';

/**
 * The acknowledgements of one PoP: what it has in force for each track, or why it refused. Call `set` after the target
 * was read back, never on receipt.
 */
export class Acknowledgements {
  readonly #publisher: Publisher;
  readonly #pop: string;
  readonly #ttlMs: number;
  #pendingSet = new Map<string, Applied>();
  #pendingRemoved = new Set<string>();
  #writing: Promise<Published | null> = Promise.resolve(null);
  #scheduled: Promise<Published | null> | null = null;

  /** Made by `Client.acknowledgements`. */
  constructor(publisher: Publisher, pop: string, ttlMs: number) {
    this.#publisher = publisher;
    this.#pop = pop;
    this.#ttlMs = ttlMs;
  }

  /** States what became of a track. Resolves once it is committed; several at once go out as one object. */
  set(track: FullTrackName, acknowledgement: Applied): Promise<Published | null> {
    const key = appliedKey(track);
    this.#pendingRemoved.delete(key);
    this.#pendingSet.set(key, acknowledgement);
    return this.#flush();
  }

  /** Takes a track back that the PoP no longer follows. */
  remove(track: FullTrackName): Promise<Published | null> {
    const key = appliedKey(track);
    this.#pendingSet.delete(key);
    this.#pendingRemoved.add(key);
    return this.#flush();
  }

  #flush(): Promise<Published | null> {
    if (this.#scheduled !== null) return this.#scheduled;
    const scheduled = this.#writing.then(() => this.#write());
    this.#scheduled = scheduled;
    this.#writing = scheduled.catch(() => null);
    return scheduled;
  }

  async #write(): Promise<Published | null> {
    this.#scheduled = null;
    const set = this.#pendingSet;
    const removed = [...this.#pendingRemoved];
    this.#pendingSet = new Map();
    this.#pendingRemoved = new Set();
    if (set.size === 0 && removed.length === 0) return null;
    return this.#publisher.update(applied, { pop: this.#pop }, { set, removed }, { ttlMs: this.#ttlMs });
  }
}
