import { PERSIST_INTERVAL_MS } from './limits.js';
import type { Now } from './now.js';

/** When state goes to disk: soon after a change, never twice at a time, and not too often. */
export class Saver {
  #dueBootMs = 0;
  #unsaved = false;
  #saving = false;

  changed(): void {
    this.#unsaved = true;
  }

  /** Whether to write now; it then counts as begun. */
  take(now: Now): boolean {
    if (!this.#unsaved || this.#saving || this.#dueBootMs > now.bootMs) return false;
    this.#unsaved = false;
    this.#saving = true;
    return true;
  }

  done(worked: boolean, now: Now): void {
    this.#saving = false;
    this.#unsaved ||= !worked;
    this.#dueBootMs = now.bootMs + PERSIST_INTERVAL_MS;
  }

  nextBootMs(): number | null {
    return this.#unsaved && !this.#saving ? this.#dueBootMs : null;
  }
}
