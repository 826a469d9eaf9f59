import { createHash } from 'node:crypto';
import { type FSWatcher, watch } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { ExpiryMode } from '@higgins/signals';
import type { ListObserver, ListSource } from '../core/list.js';
import { FILE_SETTLE_MS, LIST_FILE_BYTES_MAX } from '../limits.js';
import { ListFileError, parseListFile } from './list-file.js';

/** One list that a file holds. */
export interface ListFile {
  readonly track: string;
  readonly path: string;
  readonly onExpiry: ExpiryMode;
}

interface Watched extends ListFile {
  digest: string | null;
  version: number;
  timer: NodeJS.Timeout | null;
  reading: Promise<void>;
}

/**
 * Lists from files, for an agent that works without a bus. A file is read at the start, when it changes (also when it
 * is replaced by renaming), and on `reload`; its value has no deadline. A file that can't be read or is malformed
 * leaves the last good value in force.
 */
export class FileListSource implements ListSource {
  readonly #files: readonly Watched[];
  readonly #watchers: FSWatcher[] = [];
  #observer: ListObserver | null = null;

  constructor(files: readonly ListFile[]) {
    this.#files = files.map((file) => ({ ...file, digest: null, version: 0, timer: null, reading: Promise.resolve() }));
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
    const version = file.version + 1;
    try {
      const text = await readBounded(file.path);
      const digest = createHash('sha256').update(text).digest('hex');
      if (digest === file.digest) return;
      const { ipv4, ipv6 } = parseListFile(text, file.path);
      file.digest = digest;
      file.version = version;
      const endless = { deadlineBootMs: null, ttlMs: null, publishedWallMs: null };
      this.#observer?.value(file.track, { group: version, version, ipv4, ipv6, onExpiry: file.onExpiry, ...endless });
    } catch (error) {
      file.digest = null;
      const reason = error instanceof ListFileError ? error.message : `${file.path}: can't be read: ${reasonOf(error)}`;
      this.#observer?.refused(file.track, { group: version, version: null, reason });
    }
  }
}

async function readBounded(path: string): Promise<string> {
  await using file = await open(path);
  const { size } = await file.stat();
  if (size > LIST_FILE_BYTES_MAX) {
    throw new ListFileError(`${path}: ${size} bytes, expected at most ${LIST_FILE_BYTES_MAX}`);
  }
  return await file.readFile('utf8');
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
