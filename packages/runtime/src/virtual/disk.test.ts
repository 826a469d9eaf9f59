import { describe, expect, it } from 'vitest';
import { DiskError } from '../disk-name.js';
import { VirtualMachine } from './machine.js';
import { VirtualWorld } from './world.js';

const OLD = new Uint8Array([1, 1, 1, 1]);
const NEW = new Uint8Array([2, 2, 2, 2, 2, 2]);

describe('VirtualDisk', () => {
  it('keeps files over a restart and a reboot, and hands out copies', async () => {
    const { machine } = setUp();
    const mine = NEW.slice();
    await machine.start().disk.replace('state/a', mine);
    mine.fill(9);
    machine.reboot();
    const { disk } = machine.start();
    const read = await disk.read('state/a');
    expect(read).toEqual(NEW);
    read!.fill(7);
    expect(await disk.read('state/a')).toEqual(NEW);
    expect(await disk.read('state/b')).toBeNull();
  });

  it('lists by prefix, sorted, and removes', async () => {
    const { disk } = setUp().machine.start();
    for (const name of ['b/2', 'a/1', 'b/1']) await disk.replace(name, OLD);
    expect(await disk.list('b/')).toEqual(['b/1', 'b/2']);
    await disk.remove('b/1');
    await disk.remove('b/1');
    expect(await disk.list('')).toEqual(['a/1', 'b/2']);
  });

  it('refuses names that are not relative', async () => {
    const { disk } = setUp().machine.start();
    await expect(disk.read('../key')).rejects.toThrow(DiskError);
  });

  it('takes virtual time, and a crash decides what becomes of a replacement in flight', async () => {
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 20; seed += 1) {
      const { world, machine } = setUp(seed);
      await machine.start().disk.replace('a', OLD);
      machine.disk.latencyMs = 5;
      const runtime = machine.start();
      let settled = false;
      void runtime.disk.replace('a', NEW).then(() => {
        settled = true;
      });
      await world.runFor(2);
      runtime.kill();
      await world.runFor(100);
      expect(settled).toBe(false);
      outcomes.add(String(machine.disk.snapshot().get('a')));
    }
    expect([...outcomes].sort()).toEqual([String(OLD), String(NEW)]);
  });

  it('tears a file at a crash where the medium lies about its flushes', async () => {
    const sizes = new Set<number>();
    for (let seed = 0; seed < 40; seed += 1) {
      const { world, machine } = setUp(seed);
      machine.disk.latencyMs = 5;
      machine.disk.tearAtCrash = true;
      const runtime = machine.start();
      void runtime.disk.replace('a', NEW);
      await world.runFor(2);
      runtime.kill();
      sizes.add(machine.disk.snapshot().get('a')?.length ?? -1);
    }
    expect(sizes.has(-1)).toBe(true);
    expect([...sizes].some((size) => size >= 0 && size < NEW.length)).toBe(true);
  });

  it('can be lost, torn, restored from an earlier state, and full', async () => {
    const { machine } = setUp();
    const { disk } = machine.start();
    await disk.replace('a', OLD);
    const yesterday = machine.disk.snapshot();
    await disk.replace('a', NEW);
    machine.disk.tear('a');
    expect((await disk.read('a'))!.length).toBeLessThan(NEW.length);
    machine.disk.lose();
    expect(await disk.list('')).toEqual([]);
    machine.disk.restore(yesterday);
    expect(await disk.read('a')).toEqual(OLD);
    machine.disk.writeFailure = 'no space left on device';
    expect(machine.disk.outdated).toBe(false);
    await expect(disk.replace('a', NEW)).rejects.toThrow('no space left on device');
    expect([await disk.read('a'), machine.disk.outdated]).toEqual([OLD, true]);
    machine.disk.writeFailure = null;
    await disk.replace('a', NEW);
    expect(machine.disk.outdated).toBe(false);
  });

  it('spoils the newest write as a medium does that lied about its flush: lost or torn', async () => {
    const { machine } = setUp();
    const { disk } = machine.start();
    expect(machine.disk.spoilLastWrite('lost')).toBeNull();
    await disk.replace('a', OLD);
    await disk.replace('a', NEW);
    expect(machine.disk.spoilLastWrite('lost')).toBe('a');
    expect(await disk.read('a')).toEqual(OLD);
    await disk.replace('b', NEW);
    expect(machine.disk.spoilLastWrite('torn')).toBe('b');
    expect((await disk.read('b'))!.length).toBeLessThan(NEW.length);
    await disk.replace('c', NEW);
    expect(machine.disk.spoilLastWrite('lost')).toBe('c');
    expect([await disk.read('c'), await disk.read('a')]).toEqual([null, OLD]);
    expect(machine.disk.spoilLastWrite('lost')).toBeNull();
  });

  it('settles what a paused process asked for when it goes on', async () => {
    const { world, machine } = setUp();
    const runtime = machine.start();
    let settledAtMs = -1;
    runtime.pause();
    void runtime.disk.read('a').then(() => {
      settledAtMs = world.nowMs;
    });
    await world.runFor(30);
    expect(settledAtMs).toBe(-1);
    runtime.resume();
    await world.runFor(1);
    expect(settledAtMs).toBe(30);
  });
});

function setUp(seed = 1) {
  const world = new VirtualWorld({ seed });
  return { world, machine: new VirtualMachine(world, { name: 'pop-1' }) };
}
