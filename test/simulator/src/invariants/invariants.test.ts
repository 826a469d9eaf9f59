import { VirtualMachine, VirtualWorld } from '@higgins/runtime';
import { describe, expect, it } from 'vitest';
import type { Invariant } from '../frame/invariant.js';
import type { Observation } from '../frame/observation.js';
import { VirtualKernel } from '../programs/kernel.js';
import { bytesAreIdentical } from './bytes-are-identical.js';
import { converges } from './converges.js';
import { groupIdsRise } from './group-ids-rise.js';
import { nothingOutlivesItsTtl } from './nothing-outlives-its-ttl.js';
import { versionNeverGoesBack } from './version-never-goes-back.js';

const TRACK = 'org/acme/lists/blocked';
const POP = 'pop-1';

describe('version-never-goes-back', () => {
  it('accepts newer versions and renewals', () => {
    expect(() => tell(versionNeverGoesBack(), enforced(1, 10), enforced(1, 11), enforced(2, 12))).not.toThrow();
  });

  it('catches an older version, and an older group of the same version', () => {
    expect(() => tell(versionNeverGoesBack(), enforced(2, 12), enforced(1, 10))).toThrow(/version 1 of group 10 after/);
    expect(() => tell(versionNeverGoesBack(), enforced(2, 12), enforced(2, 11))).toThrow(/group 11 after/);
  });

  it('accepts an older version of a writer that has an old disk, in a newer group', () => {
    const forgot = { kind: 'forgot', node: 'origin' } as const;
    const restored = [committed(1, [1]), enforced(2, 12), forgot];
    expect(() => tell(versionNeverGoesBack(), ...restored, enforced(1, 13))).not.toThrow();
    expect(() => tell(versionNeverGoesBack(), ...restored, enforced(1, 11))).toThrow(/group 11 after/);
  });
});

describe('group-ids-rise', () => {
  it('accepts the identical object again where an old disk brings it back, and nothing else', () => {
    const forgot = { kind: 'forgot', node: 'origin' } as const;
    const written = [committed(1, [1]), committed(2, [2])];
    expect(() => tell(groupIdsRise(), ...written, forgot, committed(1, [1]), committed(3, [3]))).not.toThrow();
    expect(() => tell(groupIdsRise(), ...written, committed(1, [1]))).toThrow(/group 1 of .* after group 2/);
    expect(() => tell(groupIdsRise(), committed(1, [1]), committed(4, [2]), forgot, committed(3, [3]))).toThrow(
      /group 3 of .* after group 4/,
    );
  });
});

describe('bytes-are-identical', () => {
  it('accepts what was published, also when it is published again', () => {
    expect(() =>
      tell(bytesAreIdentical(), committed(1, [1, 2]), committed(1, [1, 2]), received(1, [1, 2])),
    ).not.toThrow();
  });

  it('catches other bytes, an object that nobody published, and a second version of one object', () => {
    expect(() => tell(bytesAreIdentical(), committed(1, [1, 2]), received(1, [1, 3]))).toThrow(/other bytes/);
    expect(() => tell(bytesAreIdentical(), committed(1, [1, 2]), received(2, [1, 2]))).toThrow(/nobody published/);
    expect(() => tell(bytesAreIdentical(), committed(1, [1, 2]), committed(1, [1, 4]))).toThrow(/second time/);
  });
});

describe('nothing-outlives-its-ttl', () => {
  it('accepts a value up to its TTL, the fastest delivery and the stated error', () => {
    const { invariant, kernel } = ttlSetUp();
    kernel.enforce(TRACK, { group: 1, version: 1, deadlineBootMs: null });
    expect(() => invariant.check!(1000 + 50 + 25)).not.toThrow();
  });

  it('catches a value that is in force later', () => {
    const { invariant, kernel } = ttlSetUp();
    kernel.enforce(TRACK, { group: 1, version: 1, deadlineBootMs: null });
    expect(() => invariant.check!(1100)).toThrow(/past its TTL/);
  });

  it('accepts a value that the kernel has taken off by itself', async () => {
    const { invariant, kernel, world } = ttlSetUp();
    kernel.enforce(TRACK, { group: 1, version: 1, deadlineBootMs: kernel.bootMs() + 900 });
    await world.runUntil(1100);
    expect(() => invariant.check!(1100)).not.toThrow();
  });

  it('catches a value that was never received', () => {
    const { invariant, kernel } = ttlSetUp();
    kernel.enforce(TRACK, { group: 9, version: 1, deadlineBootMs: null });
    expect(() => invariant.check!(60)).toThrow(/never received/);
  });

  it('gives a later copy of an object no more time', () => {
    const { invariant, kernel } = ttlSetUp();
    invariant.observe!(received(1, [1]), 900);
    kernel.enforce(TRACK, { group: 1, version: 1, deadlineBootMs: null });
    expect(() => invariant.check!(1100)).toThrow(/past its TTL/);
  });

  function ttlSetUp() {
    const world = new VirtualWorld({ seed: 1 });
    const kernel = new VirtualKernel(new VirtualMachine(world, { name: POP }));
    const invariant = nothingOutlivesItsTtl(new Map([[POP, kernel]]), () => 0);
    invariant.observe!(committed(1, [1]), 0);
    invariant.observe!(received(1, [1]), 50);
    return { world, kernel, invariant };
  }
});

describe('converges', () => {
  it('holds once every PoP enforces the newest version and has said so', () => {
    const { invariant, kernel } = setUp();
    kernel.enforce(TRACK, { group: 1, version: 3, deadlineBootMs: null });
    tell(invariant, { kind: 'acknowledged', node: 'origin', pop: POP, track: TRACK, version: 3 });
    expect(invariant.holds()).toBe(true);
    expect(() => invariant.finish!(0)).not.toThrow();
  });

  it('catches a PoP that enforces an older version or none', () => {
    const { invariant, kernel } = setUp();
    expect(() => invariant.finish!(0)).toThrow(/enforces version null/);
    kernel.enforce(TRACK, { group: 1, version: 2, deadlineBootMs: null });
    expect(() => invariant.finish!(0)).toThrow(/enforces version 2 .* expected 3/);
  });

  it('catches an acknowledgement that does not arrive', () => {
    const { invariant, kernel } = setUp();
    kernel.enforce(TRACK, { group: 1, version: 3, deadlineBootMs: null });
    expect(() => invariant.finish!(0)).toThrow(/acknowledgement of pop-1 .* is null/);
  });

  function setUp() {
    const kernel = new VirtualKernel(new VirtualMachine(new VirtualWorld({ seed: 1 }), { name: POP }));
    return { kernel, invariant: converges(new Map([[POP, kernel]]), [{ track: TRACK, version: () => 3 }]) };
  }
});

describe('VirtualKernel', () => {
  it('forgets at a reboot, not when a process dies', () => {
    const machine = new VirtualMachine(new VirtualWorld({ seed: 1 }), { name: POP });
    const kernel = new VirtualKernel(machine);
    kernel.enforce(TRACK, { group: 1, version: 3, deadlineBootMs: null });
    machine.start().kill();
    expect(kernel.inForce(TRACK)?.version).toBe(3);
    machine.reboot();
    expect(kernel.inForce(TRACK)).toBeNull();
  });
});

function tell(invariant: Invariant, ...observations: readonly Observation[]): void {
  for (const observation of observations) invariant.observe!(observation, 0);
}

function enforced(version: number, group: number): Observation {
  return { kind: 'enforced', node: POP, track: TRACK, group, version };
}

function committed(group: number, bytes: readonly number[]): Observation {
  const payload = new Uint8Array(bytes);
  return { kind: 'committed', node: 'origin', track: TRACK, group, object: 0, payload, ttlMs: 1000, version: 1 };
}

function received(group: number, bytes: readonly number[]): Observation {
  return { kind: 'received', node: POP, track: TRACK, group, payload: new Uint8Array(bytes) };
}
