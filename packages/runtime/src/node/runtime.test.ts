import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir, uptime } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BootClock } from './boot-clock.js';
import { NodeRuntime } from './runtime.js';
import { BootTimers } from './timers.js';

describe('NodeRuntime', () => {
  let directory = '';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'higgins-runtime-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('tells the time since boot, and wall time', () => {
    using runtime = new NodeRuntime({ directory });
    expect(Math.abs(runtime.bootMs() - uptime() * 1000)).toBeLessThan(1000);
    expect(Math.abs(runtime.wallMs() - Date.now())).toBeLessThan(1000);
  });

  it('fires timers in the order of their times, not before them', async () => {
    using runtime = new NodeRuntime({ directory });
    const startMs = runtime.bootMs();
    const fired: string[] = [];
    await new Promise<void>((resolve) => {
      runtime.at(startMs + 20, () => {
        fired.push('c');
        expect(runtime.bootMs()).toBeGreaterThanOrEqual(startMs + 20);
        resolve();
      });
      runtime.at(startMs + 10, () => fired.push('b'));
      runtime.at(startMs - 50, () => fired.push('a'));
      runtime.at(startMs + 5, () => fired.push('disposed'))[Symbol.dispose]();
      expect(fired).toEqual([]);
    });
    expect(fired).toEqual(['a', 'b', 'c']);
  });

  it('keeps the process for waiting timers only, and not at all where told so', () => {
    const before = keepingTimers();
    const runtime = new NodeRuntime({ directory });
    expect(keepingTimers()).toBe(before);
    const timer = runtime.at(runtime.bootMs() + 60_000, () => {});
    expect(keepingTimers()).toBe(before + 1);
    timer[Symbol.dispose]();
    expect(keepingTimers()).toBe(before);
    const relaxed = new NodeRuntime({ directory, timersKeepProcess: false });
    relaxed.at(relaxed.bootMs() + 60_000, () => {});
    expect(keepingTimers()).toBe(before);
    runtime[Symbol.dispose]();
    relaxed[Symbol.dispose]();
  });
});

describe('BootTimers', () => {
  it('fires what is due when the boot clock jumps over a sleep', async () => {
    const sources = { sleptMs: 0 };
    const clock = new BootClock({
      monotonicMs: () => performance.now(),
      uptimeMs: () => performance.now() + sources.sleptMs,
    });
    using timers = new BootTimers(clock, true);
    const fired = new Promise<void>((resolve) => timers.at(clock.nowMs() + 3_600_000, resolve));
    sources.sleptMs = 3_600_000;
    await fired;
    expect(clock.nowMs()).toBeGreaterThan(3_600_000);
  });

  it('loses no other timer when one throws', async () => {
    const clock = new BootClock();
    using timers = new BootTimers(clock, true);
    const thrown = new Promise((resolve) => process.prependOnceListener('uncaughtException', resolve));
    const others = process.listeners('uncaughtException').slice(1);
    for (const listener of others) process.off('uncaughtException', listener);
    timers.at(clock.nowMs(), () => {
      throw new Error('from a timer');
    });
    await new Promise<void>((resolve) => timers.at(clock.nowMs() + 1, resolve));
    for (const listener of others) process.on('uncaughtException', listener);
    expect(await thrown).toEqual(new Error('from a timer'));
  });
});

function keepingTimers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
}
