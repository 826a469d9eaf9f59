import { VirtualMachine, VirtualWorld } from '@higgins/runtime';
import { describe, expect, it } from 'vitest';
import { configuration, Driver, member, pool } from '../core/driver.fixture.js';
import { readState, writeState } from './state-file.js';

describe('state on disk', () => {
  it('LOB-34: reads back exactly what was written', async () => {
    const disk = newDisk();
    const state = savedState();
    await writeState(disk, state);
    expect(await readState(disk, fail)).toEqual(JSON.parse(JSON.stringify(state)));
  });

  it('is nothing where there is none', async () => {
    expect(await readState(newDisk(), fail)).toBeNull();
  });

  it.each([
    ['torn', (text: string) => text.slice(0, text.length / 2)],
    ['of another version', (text: string) => text.replace('"version":1', '"version":2')],
    ['of another shape', (text: string) => text.replace('"passing":true', '"passing":"yes"')],
  ])('counts one that is %s as none, and says why', async (_what, damage) => {
    const disk = newDisk();
    await disk.replace('balancer/state.json', Buffer.from(damage(JSON.stringify(savedState()))));
    const reasons: string[] = [];
    expect(await readState(disk, (reason) => reasons.push(reason))).toBeNull();
    expect(reasons).toEqual([expect.stringContaining('balancer/state.json')]);
  });
});

function newDisk() {
  return new VirtualMachine(new VirtualWorld({ seed: 1 }), { name: 'node' }).start().disk;
}

function savedState() {
  const driver = new Driver();
  driver.configure(configuration(pool([member('a'), member('b')])));
  driver.core.administration.drain({ member: 'a' }, { deadlineMs: 60_000 }, driver.now());
  driver.turn();
  return driver.run(5_000).saved!;
}

function fail(reason: string): never {
  throw new Error(reason);
}
