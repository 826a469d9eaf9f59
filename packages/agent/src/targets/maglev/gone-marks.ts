import type { Numbering } from './ids.js';

/** Marks that are remembered; a number comes back later than that many others are given out. */
const MARKS_MAX = 65_536;

/** Marks of members that were taken out of their services: flows that carry them may still be there, and be ended. */
export class GoneMarks {
  readonly #marks = new Map<string, number>();

  /** `before`: by the member's chain, as it was; `now`: who is there. */
  remember(before: ReadonlyMap<string, number>, now: Numbering): void {
    const present = new Set([...now.values()].flatMap((members) => [...members.values()].map(({ chain }) => chain)));
    for (const [chain, mark] of before) if (!present.has(chain)) this.#marks.set(chain, mark);
    for (const chain of present) this.#marks.delete(chain);
    for (const chain of this.#marks.keys()) {
      if (this.#marks.size <= MARKS_MAX) break;
      this.#marks.delete(chain);
    }
  }

  /** The mark that the member of this chain had. */
  markOf(chain: string): number | null {
    return this.#marks.get(chain) ?? null;
  }
}
