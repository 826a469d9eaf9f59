import { VirtualMachine, VirtualWorld } from '@higgins/runtime';
import { describe, expect, it } from 'vitest';
import { withinTime } from './within-time.js';

describe('withinTime', () => {
  it('gives the result of what ends in time, and leaves no timer behind', async () => {
    const { world, runtime } = setUp();
    const work = withinTime(runtime, 100, async () => 'done');
    expect(await world.runUntilSettled(work, 1_000)).toBe('done');
    expect(world.pending).toBe(0);
  });

  it('aborts what takes longer, by the boot clock', async () => {
    const { world, runtime } = setUp();
    const work = withinTime(runtime, 100, hang).catch((error: unknown) => String(error));
    expect(await world.runUntilSettled(work, 1_000)).toBe('Error: not done within 100 ms');
    expect(world.nowMs).toBeCloseTo(100);
  });

  it('aborts with the reason of who stops', async () => {
    const { world, runtime } = setUp();
    const stopping = new AbortController();
    const work = withinTime(runtime, 100, hang, stopping.signal).catch((error: unknown) => error);
    stopping.abort('enough');
    expect(await world.runUntilSettled(work, 1_000)).toBe('enough');
    expect(world.pending).toBe(0);
  });
});

function hang(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
}

function setUp() {
  const world = new VirtualWorld({ seed: 1 });
  return { world, runtime: new VirtualMachine(world, { name: 'fra1' }).start() };
}
