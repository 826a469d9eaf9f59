import { describe, expect, it } from 'vitest';
import { BootClock, readBootId } from './boot-clock.js';

describe('BootClock', () => {
  it('counts from boot with the fineness of the monotonic clock', () => {
    const { clock, sources } = setUp();
    sources.monotonic = 10.25;
    sources.uptime = 5000.25;
    expect(clock.nowMs()).toBe(5000.25);
  });

  it('jumps by the time that the machine slept', () => {
    const { clock, sources } = setUp();
    sources.monotonic = 1000;
    sources.uptime = 4990 + 1000 + 60_000;
    expect(clock.nowMs()).toBe(5990);
    expect(clock.refresh()).toBe(60_000);
    expect(clock.nowMs()).toBe(65_990);
    expect(clock.refresh()).toBe(0);
  });

  it('takes the coarseness of the uptime for no sleep, and never goes back', () => {
    const { clock, sources } = setUp();
    for (const errorMs of [10, -10, 49, -3000]) {
      sources.uptime = 4990 + sources.monotonic + errorMs;
      expect(clock.refresh()).toBe(0);
    }
    expect(clock.nowMs()).toBe(4990);
  });
});

describe('readBootId', () => {
  it('names the boot alike at each reading', () => {
    expect(readBootId()).toBe(readBootId());
    expect(readBootId()).toMatch(/^[0-9A-Fa-f-]{36}$/);
  });
});

function setUp() {
  const sources = { monotonic: 0, uptime: 4990 };
  const clock = new BootClock({ monotonicMs: () => sources.monotonic, uptimeMs: () => sources.uptime });
  return { clock, sources };
}
