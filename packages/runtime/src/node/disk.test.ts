import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NodeDisk } from './disk.js';

const BYTES = new Uint8Array([1, 2, 3]);

describe('NodeDisk', () => {
  let directory = '';
  beforeEach(async () => {
    directory = join(await mkdtemp(join(tmpdir(), 'higgins-disk-')), 'state');
  });
  afterEach(() => rm(join(directory, '..'), { recursive: true, force: true }));

  it('reads back what was replaced, also through another instance', async () => {
    await new NodeDisk(directory).replace('lists/a.cbor', BYTES);
    expect(await new NodeDisk(directory).read('lists/a.cbor')).toEqual(BYTES);
  });

  it('knows nothing of files and directories that do not exist', async () => {
    const disk = new NodeDisk(directory);
    expect(await disk.read('a')).toBeNull();
    expect(await disk.list('')).toEqual([]);
    await disk.remove('a/b');
  });

  it('keeps files from other users', async () => {
    await new NodeDisk(directory).replace('key', BYTES);
    expect((await stat(join(directory, 'key'))).mode & 0o777).toBe(0o600);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
  });

  it('lists names by prefix, sorted, and leaves no temporary file behind', async () => {
    const disk = new NodeDisk(directory);
    await Promise.all(['b/2', 'b/1', 'a'].map((name) => disk.replace(name, BYTES)));
    expect(await disk.list('')).toEqual(['a', 'b/1', 'b/2']);
    expect(await disk.list('b')).toEqual(['b/1', 'b/2']);
    await disk.remove('b/1');
    expect((await readdir(directory, { recursive: true })).sort()).toEqual(['a', 'b', 'b/2']);
  });

  it('lets replacements of one file take effect in the order of the calls', async () => {
    const disk = new NodeDisk(directory);
    const writes = Array.from({ length: 30 }, (_, index) => disk.replace('a', new Uint8Array(30 - index).fill(index)));
    await Promise.all(writes);
    expect(await disk.read('a')).toEqual(new Uint8Array([29]));
  });

  it('takes the bytes as they are at the call', async () => {
    const disk = new NodeDisk(directory);
    const bytes = BYTES.slice();
    const written = disk.replace('a', bytes);
    bytes.fill(0);
    await written;
    expect(await disk.read('a')).toEqual(BYTES);
  });

  it('leaves the old file whole when a replacement fails, says why, and goes on afterwards', async () => {
    const disk = new NodeDisk(directory);
    await disk.replace('a', BYTES);
    await disk.replace('b', BYTES);
    await expect(disk.replace('a/under-a-file', BYTES)).rejects.toMatchObject({ code: 'write-failed' });
    expect(await disk.read('a')).toEqual(BYTES);
    await disk.replace('a', new Uint8Array([9]));
    expect(await disk.read('a')).toEqual(new Uint8Array([9]));
  });

  it('reports a file that cannot be read, other than one that does not exist', async () => {
    const disk = new NodeDisk(directory);
    await disk.replace('a/b', BYTES);
    await expect(disk.read('a')).rejects.toMatchObject({ code: 'read-failed' });
  });

  it('removes what a crash left half written, and never lists it', async () => {
    const disk = new NodeDisk(directory);
    await disk.replace('lists/a', BYTES);
    await writeFile(join(directory, 'lists', '.new-1'), BYTES);
    expect(await disk.list('')).toEqual(['lists/a']);
    await disk.clean();
    expect(await readdir(join(directory, 'lists'))).toEqual(['a']);
  });

  it('refuses names that leave the directory', async () => {
    const disk = new NodeDisk(directory);
    for (const name of ['../a', '/etc/passwd', 'a/../../b', '']) {
      await expect(disk.replace(name, BYTES)).rejects.toMatchObject({ code: 'name-invalid' });
      await expect(disk.read(name)).rejects.toMatchObject({ code: 'name-invalid' });
    }
  });
});
