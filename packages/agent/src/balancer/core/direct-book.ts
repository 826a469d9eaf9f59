import type { CheckPlan } from './check-book.js';
import type { CheckResult } from './contract.js';
import { DIRECT_FALL } from './limits.js';

interface Entry {
  /** Null: nothing is known yet. */
  isFit: boolean | null;
  /** Failures in a row. */
  failures: number;
  /** What was told last; null: nothing, or that all is well. */
  told: string | null;
}

/**
 * What checks of direct server return found, by their key. A member that serves is taken out by failures in a row, since one
 * may be the network's; one that does not is let in by the first check that finds nothing wrong.
 */
export class DirectBook {
  readonly #entries = new Map<string, Entry>();

  /**
   * Takes in a result. `serves`: a failure of it would take a member out that serves.
   *
   * @returns another failure than the one that was told of last, null if there is none any more, undefined for no news
   */
  took({ key }: CheckPlan, result: CheckResult, serves: boolean): string | null | undefined {
    const entry = this.#entries.get(key) ?? { isFit: serves || null, failures: 0, told: null };
    this.#entries.set(key, entry);
    if (result.inconclusive === true) return undefined;
    entry.failures = result.ok ? 0 : entry.failures + 1;
    if (result.ok) entry.isFit = true;
    else if (entry.isFit !== true || entry.failures >= DIRECT_FALL) entry.isFit = false;
    return newsOf(entry, result);
  }

  /** Whether the next check should come early: one more may decide. */
  isSuspicious(key: string): boolean {
    const entry = this.#entries.get(key);
    return entry === undefined || entry.isFit === null || (entry.isFit && entry.failures > 0);
  }

  /** Whether all of these checks found a member fit; null: not known of all, and none failed. */
  areFit(plans: Iterable<CheckPlan>): boolean | null {
    let fit: boolean | null = true;
    for (const { key } of plans) {
      const one = this.#entries.get(key)?.isFit ?? null;
      if (one === false) return false;
      fit = fit && one;
    }
    return fit;
  }

  /** Forgets checks that are over. */
  retain(wanted: ReadonlySet<string>): void {
    for (const key of this.#entries.keys()) if (!wanted.has(key)) this.#entries.delete(key);
  }
}

/** A failure that has not decided anything yet is not told of. */
function newsOf(entry: Entry, { ok, reason }: CheckResult): string | null | undefined {
  if (!ok && entry.isFit === true) return undefined;
  const news = ok ? null : (reason ?? 'unknown');
  if (news === entry.told) return undefined;
  entry.told = news;
  return news;
}
