import type { DesiredService } from '../../targets/maglev/model.js';
import type { MemberName } from './events.js';
import { CUT_RETRY_MS } from './limits.js';
import { earlier, type Now } from './now.js';

/** Flows to be ended, once the kernel sends no new ones there. */
export interface Cut {
  readonly key: string;
  /** As it was when the member served: it knows the address. */
  readonly service: DesiredService;
  readonly member: string;
  readonly name: MemberName;
}

interface Entry {
  readonly cut: Cut;
  /** Number of the program that takes the member out; null until it is known. */
  after: number | null;
  notBeforeBootMs: number;
}

/** Flows that are to be cut; one cut at a time, and again until it works. */
export class CutBook {
  readonly #entries = new Map<string, Entry>();
  #inFlight: Cut | null = null;

  /** The newest order for a member of a service counts. */
  add(cut: Omit<Cut, 'key'>): void {
    const key = `${cut.service.id} ${cut.member} ${cut.service.members.get(cut.member)?.address}`;
    this.#entries.set(key, { cut: { ...cut, key }, after: null, notBeforeBootMs: 0 });
  }

  /** The program of this number, or one before it, takes out everybody who is to be cut. */
  compiled(number: number): void {
    for (const entry of this.#entries.values()) entry.after ??= number;
  }

  /** The next cut that the program in force allows; it then is in flight. `serves`: nothing is cut that still serves. */
  take(applied: number, serves: (cut: Cut) => boolean, now: Now): Cut | null {
    if (this.#inFlight !== null) return null;
    for (const [key, { cut, after, notBeforeBootMs }] of this.#entries) {
      if (after === null || after > applied || notBeforeBootMs > now.bootMs) continue;
      this.#entries.delete(key);
      if (serves(cut)) continue;
      this.#inFlight = cut;
      return cut;
    }
    return null;
  }

  /** The cut that ended, and whether it worked; one that did not waits for another try. */
  done(worked: boolean, now: Now): Cut | null {
    const cut = this.#inFlight;
    this.#inFlight = null;
    if (cut !== null && !worked && !this.#entries.has(cut.key)) {
      this.#entries.set(cut.key, { cut, after: 0, notBeforeBootMs: now.bootMs + CUT_RETRY_MS });
    }
    return cut;
  }

  get busy(): boolean {
    return this.#inFlight !== null;
  }

  nextBootMs(): number | null {
    let next: number | null = null;
    for (const { notBeforeBootMs } of this.#entries.values()) {
      if (notBeforeBootMs > 0) next = earlier(next, notBeforeBootMs);
    }
    return next;
  }
}
