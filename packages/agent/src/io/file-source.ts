import { createHash } from 'node:crypto';
import { type FSWatcher, watch } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { IpSet } from '@higgins/ipdata';
import type { Runtime } from '@higgins/runtime';
import type { ExpiryMode } from '@higgins/signals';
import type { ListObserver, ListSource } from '../core/list.js';
import { FILE_SETTLE_MS, LIST_FILE_BYTES_MAX } from '../limits.js';
import { reasonOf } from '../reason.js';
import { ListFileError, parseListFile } from './list-file.js';

/** One list that a file holds. */
export interface ListFile {
  readonly track: string;
  readonly path: string;
  readonly onExpiry: ExpiryMode;
  /** The list expires so long after the file was last modified; null if it never does. */
  readonly ttlMs: number | null;
}

interface Watched extends ListFile {
  /** What was delivered last; a file that is only touched is a renewal. */
  latest: Delivered | null;
  group: number;
  timer: NodeJS.Timeout | null;
  reading: Promise<void>;
}

interface Delivered {
  readonly digest: string;
  readonly modifiedWallMs: number;
  readonly version: number;
  readonly sets: IpSet;
}

/**
 * Lists from files, for an agent that works without a bus. A file is read at the start, when it changes (also when it
 * is replaced by renaming), and on `reload`; a file that is touched renews a
 * value that has a TTL. A file that can't be read or is malformed leaves the last good value in force.
 */
export class FileListSource implements ListSource {
  readonly #files: readonly Watched[];
  readonly #clock: Pick<Runtime, 'bootMs' | 'wallMs'>;
  readonly #watchers: FSWatcher[] = [];
  #observer: ListObserver | null = null;

  constructor(files: readonly ListFile[], clock: Pick<Runtime, 'bootMs' | 'wallMs'>) {
    this.#files = files.map((file) => ({ ...file, latest: null, group: 0, timer: null, reading: Promise.resolve() }));
    this.#clock = clock;
  }

  start(observer: ListObserver): void {
    this.#observer = observer;
    for (const directory of new Set(this.#files.map(({ path }) => dirname(path)))) this.#watch(directory);
    this.reload();
    observer.connected(true, null);
  }

  /** Reads every file again; an unchanged one delivers nothing. */
  reload(): void {
    for (const file of this.#files) this.#read(file);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#observer = null;
    for (const watcher of this.#watchers) watcher.close();
    for (const { timer } of this.#files) if (timer) clearTimeout(timer);
    await Promise.all(this.#files.map(({ reading }) => reading));
  }

  /** Directories are watched, because a watch on a file ends when another is renamed over it. */
  #watch(directory: string): void {
    try {
      const watcher = watch(directory, (_event, name) => {
        for (const file of this.#files) {
          if (dirname(file.path) === directory && (name === null || basename(file.path) === name)) this.#settle(file);
        }
      });
      watcher.on('error', () => watcher.close());
      this.#watchers.push(watcher);
    } catch {
      // Reading the files says better what is wrong with the directory.
    }
  }

  #settle(file: Watched): void {
    if (file.timer) return;
    file.timer = setTimeout(() => {
      file.timer = null;
      this.#read(file);
    }, FILE_SETTLE_MS);
  }

  #read(file: Watched): void {
    file.reading = file.reading.then(() => this.#deliver(file));
  }

  async #deliver(file: Watched): Promise<void> {
    const group = file.group + 1;
    try {
      const { text, modifiedWallMs } = await readBounded(file.path);
      const digest = createHash('sha256').update(text).digest('hex');
      const { latest } = file;
      const same = latest?.digest === digest;
      if (same && (file.ttlMs === null || latest.modifiedWallMs === modifiedWallMs)) return;
      const sets = same ? latest.sets : parseListFile(text, file.path);
      const version = same ? latest.version : (latest?.version ?? 0) + 1;
      file.latest = { digest, modifiedWallMs, version, sets };
      file.group = group;
      const deadlineBootMs = this.#deadlineOf(file.ttlMs, modifiedWallMs);
      const { onExpiry, ttlMs } = file;
      const times = { deadlineBootMs, ttlMs, publishedWallMs: Math.floor(modifiedWallMs) };
      this.#observer?.value(file.track, { group, version, ...sets, onExpiry, ...times });
    } catch (error) {
      const reason = error instanceof ListFileError ? error.message : `${file.path}: can't be read: ${reasonOf(error)}`;
      this.#observer?.refused(file.track, { group, version: null, reason });
    }
  }

  /** A modification time in the future counts as now, so that a wrong clock does not lengthen a life. */
  #deadlineOf(ttlMs: number | null, modifiedWallMs: number): number | null {
    if (ttlMs === null) return null;
    return this.#clock.bootMs() + ttlMs - Math.max(0, this.#clock.wallMs() - modifiedWallMs);
  }
}

async function readBounded(path: string): Promise<{ text: string; modifiedWallMs: number }> {
  await using file = await open(path);
  const { size, mtimeMs } = await file.stat();
  if (size > LIST_FILE_BYTES_MAX) {
    throw new ListFileError(`${path}: ${size} bytes, expected at most ${LIST_FILE_BYTES_MAX}`);
  }
  return { text: await file.readFile('utf8'), modifiedWallMs: mtimeMs };
}
