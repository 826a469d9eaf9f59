import type { FullTrackName } from '@higgins/protocol';
import type { Runtime } from '@higgins/runtime';
import { trackFileName } from './core/file-name.js';
import { type Freshness, freshnessAt, staleAtBootMs } from './core/freshness.js';
import { decodeHeld, encodeHeld, type HeldTrack } from './core/held-record.js';
import { momentNow } from './core/moment.js';

export interface StateStoreOptions {
  readonly runtime: Runtime;
  /** Where last-good values are kept on disk; null keeps them in memory only. */
  readonly folder: string | null;
  /** The freshness of a track changed because time passed. */
  onFreshness(name: FullTrackName, freshness: Freshness): void;
  /** A file could not be read, is damaged, or could not be written. The store goes on without it. */
  onStorageError(file: string, error: unknown): void;
}

/**
 * The last good value of every track, with timers for its deadline, kept on disk so that a restart goes on with the
 * remaining TTL. Values expire here with nobody else alive.
 */
export class StateStore {
  readonly #options: StateStoreOptions;
  readonly #tracks = new Map<string, Entry>();

  private constructor(options: StateStoreOptions) {
    this.#options = options;
  }

  /** Opens the store and reads what an earlier life left; damaged files are reported and ignored. */
  static async open(options: StateStoreOptions): Promise<StateStore> {
    const store = new StateStore(options);
    if (options.folder !== null) await store.#load(options.folder);
    return store;
  }

  /** What is held of a track, expired or not. */
  get(name: FullTrackName): HeldTrack | undefined {
    return this.#tracks.get(name.key)?.held;
  }

  /** Everything that is held. */
  *values(): IterableIterator<HeldTrack> {
    for (const entry of this.#tracks.values()) yield entry.held;
  }

  freshness(name: FullTrackName): Freshness | null {
    const held = this.get(name);
    return held === undefined ? null : this.#freshnessOf(held);
  }

  /** Holds a value from now on, and writes it to disk; the newest of several quick changes is written. */
  put(held: HeldTrack): void {
    const entry = this.#entry(held);
    entry.held = held;
    this.#arm(entry);
    this.#save(entry);
  }

  /** Forgets a track, on disk too. */
  async forget(name: FullTrackName): Promise<void> {
    const entry = this.#tracks.get(name.key);
    if (entry === undefined) return;
    this.#tracks.delete(name.key);
    entry.timer?.[Symbol.dispose]();
    entry.dirty = false;
    await entry.writing;
    if (entry.file !== null) await this.#options.runtime.disk.remove(entry.file);
  }

  /**
   * Resolves when everything that was put before, of one track or of all, is on disk or reported as failed. Who acts on a
   * value before that may know less of it after a crash than it did.
   */
  async flush(name?: FullTrackName): Promise<void> {
    const one = name === undefined ? undefined : this.#tracks.get(name.key);
    const entries = name === undefined ? [...this.#tracks.values()] : one === undefined ? [] : [one];
    for (const entry of entries) while (entry.writing !== null) await entry.writing;
  }

  /** Stops the timers and writes what is still to be written. */
  async close(): Promise<void> {
    for (const entry of this.#tracks.values()) entry.timer?.[Symbol.dispose]();
    await this.flush();
  }

  async #load(folder: string): Promise<void> {
    const { runtime, onStorageError } = this.#options;
    for (const file of await runtime.disk.list(`${folder}/`)) {
      try {
        const bytes = await runtime.disk.read(file);
        if (bytes === null) continue;
        const held = decodeHeld(bytes, momentNow(runtime));
        this.#arm(this.#entry(held));
      } catch (error) {
        onStorageError(file, error);
      }
    }
  }

  #entry(held: HeldTrack): Entry {
    let entry = this.#tracks.get(held.name.key);
    if (entry === undefined) {
      const { folder } = this.#options;
      const file = folder === null ? null : `${folder}/${trackFileName(held.name)}`;
      entry = { held, file, freshness: 'expired', timer: null, writing: null, dirty: false };
      this.#tracks.set(held.name.key, entry);
    }
    return entry;
  }

  #freshnessOf(held: HeldTrack): Freshness {
    return freshnessAt(this.#options.runtime.bootMs(), held.deadlineBootMs, held.ttlMs);
  }

  #arm(entry: Entry): void {
    entry.timer?.[Symbol.dispose]();
    entry.timer = null;
    const { held } = entry;
    entry.freshness = this.#freshnessOf(held);
    if (entry.freshness === 'expired') return;
    const due = entry.freshness === 'live' ? staleAtBootMs(held.deadlineBootMs, held.ttlMs) : held.deadlineBootMs;
    entry.timer = this.#options.runtime.at(due, () => {
      this.#arm(entry);
      this.#options.onFreshness(entry.held.name, entry.freshness);
    });
  }

  // One write at a time for each track; what changes meanwhile is written once after it.
  #save(entry: Entry): void {
    if (entry.file === null) return;
    entry.dirty = true;
    if (entry.writing !== null) return;
    entry.writing = this.#write(entry, entry.file).finally(() => {
      entry.writing = null;
    });
  }

  async #write(entry: Entry, file: string): Promise<void> {
    const { runtime, onStorageError } = this.#options;
    while (entry.dirty) {
      entry.dirty = false;
      try {
        await runtime.disk.replace(file, encodeHeld(entry.held, momentNow(runtime)));
      } catch (error) {
        onStorageError(file, error);
      }
    }
  }
}

interface Entry {
  held: HeldTrack;
  readonly file: string | null;
  freshness: Freshness;
  timer: Disposable | null;
  writing: Promise<void> | null;
  dirty: boolean;
}
