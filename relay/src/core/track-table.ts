import type { FullTrackName, TrackNamespace } from '@higgins/protocol';
import { NamespaceTree } from './namespace-tree.js';
import type { Track } from './track.js';

/** The tracks of a relay by Full Track Name, and by namespace prefix. */
export class TrackTable {
  readonly #byName = new Map<string, Track>();
  readonly #byNamespace = new NamespaceTree<Track>();
  readonly #tracksMax: number;
  #nextAlias = 1;

  constructor(tracksMax: number) {
    this.#tracksMax = tracksMax;
  }

  get size(): number {
    return this.#byName.size;
  }

  get(name: FullTrackName): Track | null {
    return this.#byName.get(name.key) ?? null;
  }

  /** The track, made with `make` if it is new; null if there are too many. */
  open(name: FullTrackName, make: (alias: number) => Track): Track | null {
    const known = this.#byName.get(name.key);
    if (known !== undefined) return known;
    if (this.#byName.size >= this.#tracksMax && !this.#makeRoom()) return null;
    const track = make(this.#nextAlias++);
    this.#byName.set(name.key, track);
    this.#byNamespace.add(name.namespace, track);
    return track;
  }

  remove(track: Track): void {
    if (!this.#byName.delete(track.name.key)) return;
    this.#byNamespace.remove(track.name.namespace, track);
  }

  under(prefix: TrackNamespace): Iterable<Track> {
    return this.#byNamespace.startingWith(prefix);
  }

  [Symbol.iterator](): Iterator<Track> {
    return this.#byName.values();
  }

  /** Forgets the longest known track that nobody wants: cached values give way to tracks in use. */
  #makeRoom(): boolean {
    for (const track of this.#byName.values()) {
      if (
        track.subscriptions.size > 0 ||
        track.waiting.size > 0 ||
        track.fetches.size > 0 ||
        track.sources.size > 0 ||
        track.fills.size > 0
      )
        continue;
      track.cache.clear();
      this.remove(track);
      return true;
    }
    return false;
  }
}
