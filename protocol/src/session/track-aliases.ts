import type { Vi64 } from '../model/vi64.js';

// Above what relays count up to, so that substitutes do not take what other tracks prefer.
const SUBSTITUTE_FIRST = 2 ** 40;

/**
 * The Track Aliases that we gave out in one session; none is given twice (draft-18 §11.1). A relay prefers the same
 * alias for a track in every session, so that one encoding serves all; a track that is subscribed again gets another.
 * Memory: one entry for each track, however often it is subscribed.
 */
export class TrackAliases {
  readonly #preferred = new Set<Vi64>();
  #substitute = SUBSTITUTE_FIRST;

  /** `preferred` if it is free, else one that nobody prefers. */
  take(preferred: Vi64): Vi64 {
    const substituted = preferred >= SUBSTITUTE_FIRST && preferred < this.#substitute;
    if (!substituted && !this.#preferred.has(preferred)) {
      this.#preferred.add(preferred);
      return preferred;
    }
    while (this.#preferred.has(this.#substitute)) this.#substitute++;
    return this.#substitute++;
  }

  clear(): void {
    this.#preferred.clear();
  }
}
