import { PublishError, StorageError } from '@higgins/client';
import { VirtualMachine, VirtualWorld } from '@higgins/runtime';
import { describe, expect, it } from 'vitest';
import { Outbox } from './outbox.js';

describe('Outbox', () => {
  it('publishes the newest while one is on its way, and none in between', async () => {
    const { outbox, attempts, world } = setUp({ takesMs: 100 });
    for (const value of [1, 2, 3]) outbox.put('a', value);
    outbox.put('b', 9);
    await world.runFor(1_000);
    expect(attempts).toEqual(['a 1', 'b 9', 'a 3']);
  });

  it('tries again what could not be written, ever more rarely, until it can', async () => {
    const { outbox, attempts, failures, world, obstacle } = setUp();
    obstacle.error = new StorageError('write-failed', 'no space left on device');
    outbox.put('a', 1);
    await world.runFor(600_000);
    expect(attempts.length).toBeGreaterThan(15);
    expect(attempts.length).toBeLessThan(60);
    expect(new Set(failures)).toEqual(new Set(['a: no space left on device']));
    obstacle.error = null;
    await world.runFor(31_000);
    const { length } = attempts;
    await world.runFor(600_000);
    expect([attempts.length, attempts.at(-1)]).toEqual([length, 'a 1']);
  });

  it('lets a newer value take the place of one that failed, at once', async () => {
    const { outbox, attempts, world, obstacle } = setUp();
    obstacle.error = new StorageError('write-failed', 'no space left on device');
    outbox.put('a', 1);
    await world.runFor(10);
    obstacle.error = null;
    outbox.put('a', 2);
    await world.runFor(60_000);
    expect(attempts).toEqual(['a 1', 'a 2']);
  });

  it('does not try again what is wrong in itself, nor anything once it is disposed', async () => {
    const { outbox, attempts, world, obstacle } = setUp();
    obstacle.error = new PublishError('schema-invalid', 'version is -1, expected 0 or more');
    outbox.put('a', 1);
    await world.runFor(60_000);
    expect(attempts).toEqual(['a 1']);
    obstacle.error = new StorageError('write-failed', 'no space left on device');
    outbox.put('a', 2);
    await world.runFor(10);
    outbox[Symbol.dispose]();
    outbox.put('b', 3);
    await world.runFor(60_000);
    expect(attempts).toEqual(['a 1', 'a 2']);
    expect(world.pending).toBe(0);
  });
});

function setUp({ takesMs = 0 } = {}) {
  const world = new VirtualWorld({ seed: 1 });
  const runtime = new VirtualMachine(world, { name: 'fra1' }).start();
  const obstacle: { error: Error | null } = { error: null };
  const attempts: string[] = [];
  const failures: string[] = [];
  const outbox = new Outbox<number>({
    runtime,
    async publish(key, value) {
      attempts.push(`${key} ${value}`);
      if (takesMs > 0) await new Promise<void>((resolve) => runtime.at(runtime.bootMs() + takesMs, resolve));
      if (obstacle.error !== null) throw obstacle.error;
    },
    failed: (key, reason) => failures.push(`${key}: ${reason}`),
  });
  return { world, outbox, attempts, failures, obstacle };
}
