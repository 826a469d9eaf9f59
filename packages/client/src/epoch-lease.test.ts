import { VirtualMachine, VirtualWorld } from '@higgins/runtime';
import { describe, expect, it } from 'vitest';
import { DiskEpochLease } from './epoch-lease.js';

function bench() {
  const world = new VirtualWorld({ seed: 3 });
  const machine = new VirtualMachine(world, { name: 'writer' });
  const settle = <Value>(promise: Promise<Value>) => world.runUntilSettled(promise, 1_000);
  return { world, machine, settle, lease: () => new DiskEpochLease(machine.start(), 'epoch') };
}

describe('DiskEpochLease', () => {
  it('BUS-10: never gives an epoch twice, however quickly it is asked and whatever the clock says', async () => {
    const { machine, settle, lease } = bench();
    const first = lease();
    const epochs = await settle(Promise.all([first.acquire(null), first.acquire(null), first.acquire(null)]));
    machine.stepWallClock(-3_600_000);
    epochs.push(await settle(lease().acquire(null)));
    expect(epochs.map((epoch) => epoch - (epochs[0] ?? 0))).toEqual([0, 1, 2, 3]);
  });

  it('BUS-10: passes what was seen, and starts from the clock when its file is damaged or lost', async () => {
    const { world, machine, settle, lease } = bench();
    const epoch = await settle(lease().acquire(null));
    expect(await settle(lease().acquire(epoch + 50))).toBe(epoch + 51);
    await world.runFor(100_000);
    machine.disk.tear('epoch');
    expect(await settle(lease().acquire(null))).toBe(epoch + 100);
    machine.disk.lose();
    expect(await settle(lease().acquire(epoch + 200))).toBe(epoch + 201);
  });

  it('BUS-10: gives none that it cannot store', async () => {
    const { machine, settle, lease } = bench();
    machine.disk.writeFailure = 'disk full';
    await expect(settle(lease().acquire(null))).rejects.toMatchObject({ name: 'StorageError', code: 'write-failed' });
  });

  it('BUS-10: refuses an epoch a year ahead of the clock', async () => {
    const { settle, lease } = bench();
    const epoch = await settle(lease().acquire(null));
    await expect(settle(lease().acquire(epoch + 40_000_000))).rejects.toMatchObject({ code: 'epoch-refused' });
  });
});
