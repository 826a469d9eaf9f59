import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { assertDiskName, DiskError } from '../disk-name.js';
import type { Disk } from '../runtime.js';

/** Temporary files start with it; no name that callers can use does. */
const TEMPORARY_PREFIX = '.new-';

/**
 * Files below one directory, which is made when it is first needed (mode 0700; files 0600).
 *
 * A replacement is written beside the file, flushed, renamed over it, and the directory flushed. Replacements of one
 * name take effect in the order of the calls. What a crash leaves half written is never read, and is removed by the
 * next `clean`.
 */
export class NodeDisk implements Disk {
  readonly #directory: string;
  /** Per name: the last operation that changes it. */
  readonly #tails = new Map<string, Promise<void>>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  async read(name: string): Promise<Uint8Array | null> {
    const path = this.#path(name);
    try {
      return new Uint8Array(await readFile(path));
    } catch (cause) {
      if (isMissing(cause)) return null;
      throw new DiskError('read-failed', `file ${path} cannot be read: ${messageOf(cause)}`, { cause });
    }
  }

  async replace(name: string, bytes: Uint8Array): Promise<void> {
    const path = this.#path(name);
    // The caller may change its bytes while the file is written.
    const copy = bytes.slice();
    await this.#inOrder(name, () => replaceFile(path, copy));
  }

  async remove(name: string): Promise<void> {
    const path = this.#path(name);
    await this.#inOrder(name, async () => {
      await rm(path, { force: true });
      await flushDirectory(dirname(path)).catch(ignoreMissing);
    });
  }

  async list(prefix: string): Promise<string[]> {
    try {
      const entries = await readdir(this.#directory, { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
        .map((entry) => relative(this.#directory, join(entry.parentPath, entry.name)).split(sep).join('/'))
        .filter((name) => name.startsWith(prefix))
        .sort();
    } catch (cause) {
      if (isMissing(cause)) return [];
      throw new DiskError('read-failed', `directory ${this.#directory} cannot be read: ${messageOf(cause)}`, { cause });
    }
  }

  /** Removes temporary files that a crash left. Call it before the first replacement, with no other process at work. */
  async clean(): Promise<void> {
    const entries = await readdir(this.#directory, { recursive: true, withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      if (entry.name.startsWith(TEMPORARY_PREFIX)) await rm(join(entry.parentPath, entry.name), { force: true });
    }
  }

  #path(name: string): string {
    assertDiskName(name);
    return join(this.#directory, ...name.split('/'));
  }

  async #inOrder(name: string, change: () => Promise<void>): Promise<void> {
    const previous = this.#tails.get(name);
    const result = (previous ?? Promise.resolve()).then(change, change);
    this.#tails.set(name, result);
    try {
      await result;
    } catch (cause) {
      if (cause instanceof DiskError) throw cause;
      throw new DiskError('write-failed', `file ${this.#path(name)} cannot be written: ${messageOf(cause)}`, { cause });
    } finally {
      if (this.#tails.get(name) === result) this.#tails.delete(name);
    }
  }
}

async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const directory = dirname(path);
  const firstMade = await mkdir(directory, { recursive: true, mode: 0o700 });
  const temporary = join(directory, `${TEMPORARY_PREFIX}${randomUUID()}`);
  try {
    const handle = await open(temporary, 'wx', 0o600);
    await writeAndFlush(handle, bytes);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await flushDirectory(directory);
  if (firstMade !== undefined) await flushNewDirectories(directory, dirname(firstMade));
}

async function writeAndFlush(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Flushes the entries of directories that were made, up to and including the one that existed before. */
async function flushNewDirectories(from: string, until: string): Promise<void> {
  for (let directory = dirname(from); directory.length >= until.length; directory = dirname(directory)) {
    await flushDirectory(directory);
    if (directory === dirname(directory)) return;
  }
}

async function flushDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function ignoreMissing(error: unknown): void {
  if (!isMissing(error)) throw error;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
