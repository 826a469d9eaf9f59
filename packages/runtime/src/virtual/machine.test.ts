import { describe, expect, it } from 'vitest';
import { VirtualMachine } from './machine.js';
import { VirtualWorld } from './world.js';

describe('VirtualMachine', () => {
  it('counts boot time from its boot, and begins anew at a reboot with another boot id', async () => {
    const { world, machine } = setUp({ uptimeMs: 1000 });
    const before = machine.start();
    expect(before.bootMs()).toBe(1000);
    await world.runUntil(500);
    expect(before.bootMs()).toBe(1500);
    machine.reboot();
    const after = machine.start();
    await world.runFor(20);
    expect([after.bootMs(), after.bootId === before.bootId, before.state]).toEqual([20, false, 'dead']);
  });

  it('has a wall clock that is wrong, drifts and steps, while boot time never steps', async () => {
    const { world, machine } = setUp({ uptimeMs: 0, wallOffsetMs: -5000, driftPpm: 100 });
    const runtime = machine.start();
    await world.runUntil(1_000_000);
    expect(runtime.wallMs() - world.wallMs()).toBeCloseTo(-4900, 3);
    machine.stepWallClock(-60_000);
    expect(runtime.wallMs() - world.wallMs()).toBeCloseTo(-64_900, 3);
    expect(runtime.bootMs()).toBeCloseTo(1_000_100, 3);
  });

  it('fires a timer when boot time has reached it, never before, whatever the drift', async () => {
    for (const driftPpm of [0, 100, -100, 33.3]) {
      const { world, machine } = setUp({ uptimeMs: 12_345.678, driftPpm });
      const runtime = machine.start();
      let firedAtMs = 0;
      const dueMs = runtime.bootMs() + 1234.567;
      runtime.at(dueMs, () => {
        firedAtMs = runtime.bootMs();
      });
      await world.runUntil(5000);
      expect(firedAtMs).toBeGreaterThanOrEqual(dueMs);
      expect(firedAtMs).toBeLessThan(dueMs + 0.001);
    }
  });

  it('never fires a timer that was disposed of, or one of a process that was killed', async () => {
    const { world, machine } = setUp();
    const [first, second] = [machine.start('first'), machine.start('second')];
    const fired: string[] = [];
    first.at(first.bootMs() + 10, () => fired.push('disposed'))[Symbol.dispose]();
    first.at(first.bootMs() + 10, () => fired.push('kept'));
    second.at(second.bootMs() + 10, () => fired.push('killed'));
    second.kill();
    await world.runUntil(100);
    expect(fired).toEqual(['kept']);
  });

  it('fires the timers of a paused process late, in their order', async () => {
    const { world, machine } = setUp();
    const runtime = machine.start();
    const fired: [string, number][] = [];
    for (const [name, delayMs] of [
      ['b', 20],
      ['a', 10],
      ['c', 90],
    ] as const) {
      runtime.at(runtime.bootMs() + delayMs, () => fired.push([name, world.nowMs]));
    }
    runtime.pause();
    await world.runUntil(50);
    expect(fired).toEqual([]);
    runtime.resume();
    await world.runUntil(100);
    expect(fired).toEqual([
      ['a', 50],
      ['b', 50],
      ['c', 90],
    ]);
  });

  it('keeps what waits when a process is paused again while it catches up', async () => {
    const { world, machine } = setUp();
    const runtime = machine.start();
    const fired: string[] = [];
    runtime.at(runtime.bootMs() + 1, () => {
      fired.push('a');
      runtime.pause();
    });
    runtime.at(runtime.bootMs() + 2, () => fired.push('b'));
    runtime.pause();
    await world.runUntil(10);
    runtime.resume();
    await world.runUntil(20);
    expect(fired).toEqual(['a']);
    runtime.resume();
    await world.runUntil(30);
    expect(fired).toEqual(['a', 'b']);
  });

  it('does not fire a timer that was disposed of while it waited in a paused process', async () => {
    const { world, machine } = setUp();
    const runtime = machine.start();
    let fired = false;
    const timer = runtime.at(runtime.bootMs() + 5, () => {
      fired = true;
    });
    runtime.pause();
    await world.runUntil(10);
    timer[Symbol.dispose]();
    runtime.resume();
    await world.runUntil(20);
    expect(fired).toBe(false);
  });

  it('knows in which step of the world its code ran last', async () => {
    const { world, machine } = setUp();
    const runtime = machine.start();
    expect(runtime.ranAtStep).toBe(-1);
    runtime.at(runtime.bootMs() + 1, () => {});
    world.schedule(2, () => {});
    await world.runUntil(3);
    expect([runtime.ranAtStep, world.steps]).toEqual([1, 2]);
    runtime.pause();
    runtime.at(runtime.bootMs() + 1, () => {});
    await world.runUntil(10);
    expect(runtime.ranAtStep).toBe(1);
    runtime.resume();
    await world.runUntil(11);
    expect(runtime.ranAtStep).toBe(4);
  });

  it('goes on counting boot time while the machine sleeps', async () => {
    const { world, machine } = setUp({ uptimeMs: 0 });
    const runtime = machine.start();
    let firedAtMs = 0;
    runtime.at(100, () => {
      firedAtMs = runtime.bootMs();
    });
    machine.sleep();
    await world.runUntil(60_000);
    machine.wake();
    await world.runFor(1);
    expect(firedAtMs).toBe(60_000);
  });

  it('slews the wall clock alone, and keeps what it gained', async () => {
    const { world, machine } = setUp({ uptimeMs: 0 });
    const runtime = machine.start();
    const wrongMs = () => runtime.wallMs() - world.wallMs();
    machine.slewWallClock(10_000);
    await world.runUntil(10_000);
    expect(wrongMs()).toBeCloseTo(100, 3);
    machine.slewWallClock(-20_000);
    await world.runUntil(20_000);
    expect(wrongMs()).toBeCloseTo(-100, 3);
    machine.slewWallClock(0);
    await world.runUntil(60_000);
    expect([wrongMs(), runtime.bootMs()]).toEqual([expect.closeTo(-100, 3), 60_000]);
  });

  it('gives each process random numbers of its own, the same in each run', () => {
    const draw = () => {
      const { machine } = setUp();
      return [machine.start().random(), machine.start().random(), machine.start('other').random()];
    };
    expect(draw()).toEqual(draw());
    expect(new Set(draw()).size).toBe(3);
  });
});

function setUp(options: { uptimeMs?: number; wallOffsetMs?: number; driftPpm?: number } = {}) {
  const world = new VirtualWorld({ seed: 11 });
  return { world, machine: new VirtualMachine(world, { name: 'pop-1', ...options }) };
}
