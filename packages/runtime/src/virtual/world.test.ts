import { describe, expect, it } from 'vitest';
import { VirtualWorld } from './world.js';

describe('VirtualWorld', () => {
  it('executes events by time, and those of one moment in the order of scheduling', async () => {
    const world = new VirtualWorld({ seed: 1 });
    const order: string[] = [];
    world.schedule(20, () => order.push('c'));
    world.schedule(10, () => order.push('a'));
    world.schedule(10, () => order.push('b'));
    await world.runUntil(15);
    expect([order, world.nowMs]).toEqual([['a', 'b'], 15]);
    await world.runFor(5);
    expect(order).toEqual(['a', 'b', 'c']);
  });

  it('runs an event that is past at the next step, not earlier than now', async () => {
    const world = new VirtualWorld({ seed: 1 });
    await world.runUntil(100);
    let ranAtMs = -1;
    world.schedule(3, () => {
      ranAtMs = world.nowMs;
    });
    expect(world.step()).toBe(true);
    expect(ranAtMs).toBe(100);
  });

  it('forgets an event that is disposed of', async () => {
    const world = new VirtualWorld({ seed: 1 });
    let ran = false;
    const event = world.schedule(5, () => {
      ran = true;
    });
    event[Symbol.dispose]();
    await world.runUntil(10);
    expect([ran, world.steps]).toEqual([false, 0]);
  });

  it('refuses an event without a time', () => {
    expect(() => new VirtualWorld({ seed: 1 }).schedule(Number.NaN, () => {})).toThrow(RangeError);
  });

  it('lets promises go on between two steps of the same moment', async () => {
    const world = new VirtualWorld({ seed: 1 });
    const order: string[] = [];
    world.schedule(1, () => {
      world.entered();
      void (async () => {
        await undefined;
        await undefined;
        order.push('awaited');
      })();
    });
    world.schedule(1, () => order.push('next step'));
    await world.runUntil(1);
    expect(order).toEqual(['awaited', 'next step']);
  });

  it('schedules what a long chain of promises leads to, even when nothing else is left', async () => {
    const world = new VirtualWorld({ seed: 1 });
    let ran = false;
    void (async () => {
      for (let turn = 0; turn < 40; turn += 1) await undefined;
      world.schedule(world.nowMs + 1, () => {
        ran = true;
      });
    })();
    await world.runUntil(10);
    expect(ran).toBe(true);
  });

  it('passes on what an event throws', async () => {
    const world = new VirtualWorld({ seed: 1 });
    world.schedule(1, () => {
      throw new Error('broken invariant');
    });
    await expect(world.runUntil(2)).rejects.toThrow('broken invariant');
  });

  it('stops at the step that made the condition true', async () => {
    const world = new VirtualWorld({ seed: 1 });
    let count = 0;
    for (let at = 1; at <= 5; at += 1) world.schedule(at, () => (count += 1));
    expect(await world.runUntilTrue(() => count === 3, 100)).toBe(true);
    expect(world.nowMs).toBe(3);
    expect(await world.runUntilTrue(() => count === 9, 100)).toBe(false);
  });

  it('returns the outcome of a promise that virtual time settles, and names one that it does not', async () => {
    const world = new VirtualWorld({ seed: 1 });
    const value = new Promise<number>((resolve) => world.schedule(50, () => resolve(world.nowMs)));
    expect(await world.runUntilSettled(value, 100)).toBe(50);
    await expect(world.runUntilSettled(new Promise(() => {}), 100)).rejects.toThrow('within 100 ms');
  });

  it('BUS-136: the same seed gives the same trace hash, another seed another', async () => {
    const [first, second, other] = await Promise.all([wander(5), wander(5), wander(6)]);
    expect(second).toBe(first);
    expect(other).not.toBe(first);
  });

  it('BUS-136: the trace hash tells apart runs that differ in the time of one step', async () => {
    const hashes = await Promise.all([7, 7.000001].map((at) => traceOf((world) => void world.schedule(at, () => {}))));
    expect(hashes[0]).not.toBe(hashes[1]);
  });
});

/** Random events that schedule further random events. */
function wander(seed: number): Promise<string> {
  return traceOf((world) => {
    let left = 500;
    const hop = () => {
      if (left-- > 0) world.schedule(world.nowMs + world.random.next() * 10, hop);
    };
    hop();
  }, seed);
}

async function traceOf(start: (world: VirtualWorld) => void, seed = 1): Promise<string> {
  const world = new VirtualWorld({ seed });
  start(world);
  await world.runUntil(10_000);
  return world.trace.digest();
}
