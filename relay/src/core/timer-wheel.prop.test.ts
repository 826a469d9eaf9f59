import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TimerWheel, type WheelTimer, wheelTimer } from './timer-wheel.js';

const step = fc.oneof(
  fc.record({
    kind: fc.constant('schedule' as const),
    timer: fc.nat(7),
    delayMs: fc.double({ min: 0, max: 1e7, noNaN: true }),
  }),
  fc.record({ kind: fc.constant('schedule' as const), timer: fc.nat(7), delayMs: fc.integer({ min: 0, max: 200 }) }),
  fc.record({ kind: fc.constant('cancel' as const), timer: fc.nat(7) }),
  fc.record({ kind: fc.constant('advance' as const), ms: fc.double({ min: 0, max: 5_000, noNaN: true }) }),
  fc.record({ kind: fc.constant('sleep' as const), ms: fc.double({ min: 0, max: 2e7, noNaN: true }) }),
);

it('fires each timer in the first whole millisecond at or after its time, and not before', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), fc.array(step, { maxLength: 60 }), (startMs, steps) => {
      let nowMs = startMs;
      const wheel = new TimerWheel(startMs);
      const due = new Map<number, number>();
      const timers: WheelTimer[] = Array.from({ length: 8 }, (_, index) =>
        wheelTimer(() => {
          expect(due.has(index)).toBe(true);
          expect(due.get(index)).toBeLessThanOrEqual(nowMs);
          due.delete(index);
        }),
      );
      for (const one of steps) {
        if (one.kind === 'schedule') {
          wheel.schedule(timers[one.timer]!, nowMs + one.delayMs);
          due.set(one.timer, nowMs + one.delayMs);
        } else if (one.kind === 'cancel') {
          wheel.cancel(timers[one.timer]!);
          due.delete(one.timer);
        } else {
          nowMs += one.ms;
          wheel.advance(nowMs);
          // Whatever is left is due later, or within the millisecond that has begun.
          for (const dueMs of due.values()) expect(Math.ceil(dueMs)).toBeGreaterThan(Math.floor(nowMs) - 1);
        }
        expect(wheel.size).toBe(due.size);
        const nextMs = wheel.nextMs();
        if (due.size === 0) expect(nextMs).toBeNull();
        else expect(nextMs).toBeLessThanOrEqual(Math.max(Math.floor(nowMs) + 1, Math.ceil(Math.min(...due.values()))));
      }
    }),
    { seed: 42, numRuns: 500 },
  );
});

it('follows nextMs from timer to timer without missing one', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 30 }), (delays) => {
      const wheel = new TimerWheel(0);
      let nowMs = 0;
      const lateness: number[] = [];
      for (const dueMs of delays)
        wheel.schedule(
          wheelTimer(() => lateness.push(nowMs - dueMs)),
          dueMs,
        );
      let turns = 0;
      for (let next = wheel.nextMs(); next !== null; next = wheel.nextMs()) {
        expect(next).toBeGreaterThan(nowMs);
        nowMs = next;
        wheel.advance(nowMs);
        turns++;
      }
      expect(lateness).toHaveLength(delays.length);
      for (const late of lateness) {
        expect(late).toBeGreaterThanOrEqual(0);
        expect(late).toBeLessThanOrEqual(1);
      }
      // One turn per timer, and as many as it has levels to descend.
      expect(turns).toBeLessThanOrEqual(delays.length * 7);
    }),
    { seed: 43, numRuns: 300 },
  );
});
