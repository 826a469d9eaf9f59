import { PERSIST_INTERVAL_MS } from './limits.js';
import type { Now } from './now.js';

/** When state goes to disk: soon after a change, at once after an order, never twice at a time, and not too often. */
export class Saver {
  #dueBootMs = Number.NEGATIVE_INFINITY;
  #saving = false;
  /** Changes so far: all of them, those that the write under way has, and those on disk. */
  #changes = 0;
  #begun = 0;
  #saved = 0;
  /** The newest order. */
  #ordered = 0;

  /** Changes that are on disk. */
  get saved(): number {
    return this.#saved;
  }

  changed(): void {
    this.#changes++;
  }

  /** An operator's order is to be written without delay; returns what `saved` has to reach. */
  order(): number {
    this.changed();
    this.#ordered = this.#changes;
    this.#dueBootMs = Number.NEGATIVE_INFINITY;
    return this.#ordered;
  }

  /** Whether to write now; it then counts as begun. */
  take(now: Now): boolean {
    if (this.#changes === this.#begun || this.#saving || this.#dueBootMs > now.bootMs) return false;
    this.#begun = this.#changes;
    this.#saving = true;
    return true;
  }

  done(worked: boolean, now: Now): void {
    this.#saving = false;
    if (worked) this.#saved = this.#begun;
    else this.#begun = this.#saved;
    const urgent = worked && this.#ordered > this.#saved;
    this.#dueBootMs = urgent ? Number.NEGATIVE_INFINITY : now.bootMs + PERSIST_INTERVAL_MS;
  }

  nextBootMs(): number | null {
    if (this.#changes === this.#begun || this.#saving) return null;
    return Math.max(this.#dueBootMs, 0);
  }
}
