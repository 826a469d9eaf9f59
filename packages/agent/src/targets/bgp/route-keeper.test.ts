import { parsePrefix } from '@higgins/ipdata';
import { VirtualMachine, VirtualWorld } from '@higgins/runtime';
import { describe, expect, it } from 'vitest';
import { RouteKeeper } from './route-keeper.js';
import type { AnnouncedRoute } from './routes.js';

const route = (prefix: string): AnnouncedRoute => ({ prefix: parsePrefix(prefix), communities: [] });
const ONE = [route('10.0.0.1')];
const TWO = [route('10.0.0.2')];

function setUp() {
  const world = new VirtualWorld({ seed: 1 });
  const runtime = new VirtualMachine(world, { name: 'node' }).start();
  const calls: { routes: readonly AnnouncedRoute[]; settle: (answer: boolean | Error) => void }[] = [];
  const announced: (readonly AnnouncedRoute[])[] = [];
  const failures: string[] = [];
  const keeper = new RouteKeeper({
    runtime,
    target: {
      announce: (routes) =>
        new Promise((resolve, reject) => {
          calls.push({ routes, settle: (answer) => (answer instanceof Error ? reject(answer) : resolve(answer)) });
        }),
    },
    announced: (routes) => announced.push(routes),
    failed: ({ message }) => failures.push(message),
  });
  const settle = async (answer: boolean | Error) => {
    calls.at(-1)!.settle(answer);
    await world.runFor(0);
  };
  return { world, keeper, calls, announced, failures, settle };
}

describe('RouteKeeper', () => {
  it('makes one change at a time, and then the newest wish only', async () => {
    const { keeper, calls, announced, settle } = setUp();
    keeper.want(ONE);
    keeper.want(TWO);
    keeper.want([]);
    expect(calls.map(({ routes }) => routes)).toEqual([ONE]);
    await settle(true);
    expect(calls.map(({ routes }) => routes)).toEqual([ONE, []]);
    await settle(true);
    expect([calls.length, announced]).toEqual([2, [ONE, []]]);
  });

  it('L4-83: looks again every half minute, and does nothing for what is in force', async () => {
    const { world, keeper, calls, announced, settle } = setUp();
    keeper.want(ONE);
    await settle(true);
    keeper.want([...ONE]);
    await world.runFor(29_999);
    expect(calls).toHaveLength(1);
    await world.runFor(2);
    expect(calls).toHaveLength(2);
    await settle(false);
    expect(announced).toEqual([ONE]);
    await world.runFor(30_001);
    await settle(true);
    expect(announced).toEqual([ONE, ONE]);
  });

  it('tries again at growing pauses, and tells of a failure once', async () => {
    const { world, keeper, calls, announced, failures, settle } = setUp();
    keeper.want(ONE);
    await settle(new Error('nobody there'));
    for (const pauseMs of [1000, 2000, 4000]) {
      await world.runFor(pauseMs - 1);
      const before = calls.length;
      await world.runFor(2);
      expect(calls.length).toBe(before + 1);
      await settle(new Error('nobody there'));
    }
    expect(failures).toEqual(['nobody there']);
    await world.runFor(8001);
    await settle(true);
    expect(announced).toEqual([ONE]);
  });

  it('ends after the change under way', async () => {
    const { world, keeper, calls, settle } = setUp();
    keeper.want(ONE);
    keeper.want(TWO);
    const ended = keeper[Symbol.asyncDispose]();
    await settle(true);
    await ended;
    await world.runFor(100_000);
    expect(calls).toHaveLength(1);
  });
});
