import { expect, it } from 'vitest';
import { PERSIST_INTERVAL_MS } from './limits.js';
import { Saver } from './saver.js';

const at = (bootMs: number) => ({ bootMs, wallMs: bootMs });

it('writes soon after a change, one write at a time, and not again before the pause is over', () => {
  const saver = new Saver();
  expect([saver.take(at(0)), saver.nextBootMs()]).toEqual([false, null]);
  saver.changed();
  expect([saver.nextBootMs(), saver.take(at(0)), saver.take(at(0))]).toEqual([0, true, false]);
  saver.changed();
  saver.done(true, at(10));
  expect([saver.take(at(10)), saver.nextBootMs()]).toEqual([false, 10 + PERSIST_INTERVAL_MS]);
  expect(saver.take(at(10 + PERSIST_INTERVAL_MS))).toBe(true);
});

it('writes an order at once, and knows when it is on disk', () => {
  const saver = new Saver();
  saver.changed();
  saver.take(at(0));
  // The write under way does not have it.
  const order = saver.order();
  saver.done(true, at(5));
  expect(saver.saved).toBeLessThan(order);
  expect(saver.take(at(5))).toBe(true);
  saver.done(false, at(6));
  expect([saver.saved < order, saver.nextBootMs()]).toEqual([true, 6 + PERSIST_INTERVAL_MS]);
  expect(saver.take(at(6 + PERSIST_INTERVAL_MS))).toBe(true);
  saver.done(true, at(2000));
  expect([saver.saved >= order, saver.nextBootMs()]).toEqual([true, null]);
});
