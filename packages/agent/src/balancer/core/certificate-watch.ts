import type { Now } from './now.js';

/** Left of a certificate's time when it is told of: two weeks, three days, and its end. */
const TOLD_AT_MS = [14 * 86_400_000, 3 * 86_400_000, 0] as const;

/** Sees certificates of members come to their end; each stage is told once. */
export class CertificateWatch {
  readonly #told = new Map<string, { readonly endsAtWallMs: number; readonly stages: number }>();

  /** Whether to tell of it now. `key` names whose certificate it is. */
  see(key: string, endsAtWallMs: number, now: Now): boolean {
    const leftMs = endsAtWallMs - now.wallMs;
    const stages = TOLD_AT_MS.filter((atMs) => leftMs <= atMs).length;
    const told = this.#told.get(key);
    this.#told.set(key, { endsAtWallMs, stages });
    return stages > (told?.endsAtWallMs === endsAtWallMs ? told.stages : 0);
  }

  /** Forgets those that are checked no more. */
  retain(keys: ReadonlySet<string>): void {
    for (const key of this.#told.keys()) if (!keys.has(key)) this.#told.delete(key);
  }
}
