import { VirtualMachine, VirtualWorld } from '@higgins/runtime';
import { describe, expect, it } from 'vitest';
import { DesiredFile, type KnownGateway } from './desired-file.js';

describe('DesiredFile', () => {
  it('reads what was written, and files in which nothing is under way', async () => {
    const { file, runtime, warnings } = setUp();
    expect(await file.read()).toEqual({ inForce: [], underWay: null });
    await file.write({ inForce: [known(1)], underWay: [known(2)] });
    expect(await file.read()).toEqual({ inForce: [known(1)], underWay: [known(2)] });
    const text = JSON.stringify({ version: 1, gateways: [known(3)] });
    await runtime.disk.replace('balancer/desired.json', Buffer.from(text));
    expect(await file.read()).toEqual({ inForce: [known(3)], underWay: null });
    await runtime.disk.replace('balancer/desired.json', Buffer.from('{"version":'));
    expect(await file.read()).toEqual({ inForce: [], underWay: null });
    expect(warnings).toEqual([expect.stringContaining('balancer/desired.json is not used')]);
  });

  it('L4-75: writes the newest as soon as a full disk has room again, without anybody asking', async () => {
    const { file, machine, world, warnings } = setUp();
    machine.disk.writeFailure = 'no space left on device';
    await file.write({ inForce: [known(1)], underWay: null });
    await file.write({ inForce: [known(2)], underWay: null });
    await world.runFor(5_500);
    expect(warnings.length).toBe(7);
    machine.disk.writeFailure = null;
    await world.runFor(1_000);
    expect(await file.read()).toEqual({ inForce: [known(2)], underWay: null });
    await world.runFor(5_000);
    expect([warnings.length, world.pending]).toEqual([7, 0]);
  });

  it('tries nothing again once it is disposed', async () => {
    const { file, machine, world } = setUp();
    machine.disk.writeFailure = 'no space left on device';
    await file.write({ inForce: [known(1)], underWay: null });
    await file[Symbol.asyncDispose]();
    machine.disk.writeFailure = null;
    await world.runFor(5_000);
    expect(await file.read()).toEqual({ inForce: [], underWay: null });
  });
});

function known(group: number): KnownGateway {
  return { org: 'acme', gateway: 'shop', group, configuration: '{"loadBalancers":[]}', heardWallMs: 1_000 };
}

function setUp() {
  const world = new VirtualWorld({ seed: 1 });
  const machine = new VirtualMachine(world, { name: 'n1' });
  const runtime = machine.start();
  const warnings: string[] = [];
  return { world, machine, runtime, warnings, file: new DesiredFile(runtime, (reason) => warnings.push(reason)) };
}
