import { expect, it } from 'vitest';
import { Turnstile, TurnstileFullError } from './turnstile.js';

const { signal } = new AbortController();

it('lets so many in, the others in the order in which they came, and nobody past them', async () => {
  const turnstile = new Turnstile(2, 10);
  const entered: number[] = [];
  const all = [0, 1, 2, 3].map(async (index) => {
    await turnstile.enter(signal);
    entered.push(index);
  });
  expect([turnstile.inside, turnstile.waiting]).toEqual([2, 2]);
  turnstile.leave();
  expect(turnstile.tryEnter()).toBe(false);
  turnstile.leave();
  await Promise.all(all);
  expect(entered).toEqual([0, 1, 2, 3]);
  turnstile.leave();
  expect([turnstile.inside, turnstile.tryEnter()]).toEqual([1, true]);
});

it('refuses those that find too many waiting', async () => {
  const turnstile = new Turnstile(1, 1);
  await turnstile.enter(signal);
  const waiting = turnstile.enter(signal);
  await expect(turnstile.enter(signal)).rejects.toThrow(TurnstileFullError);
  turnstile.leave();
  await waiting;
  expect([turnstile.inside, turnstile.waiting]).toEqual([1, 0]);
});

it('gives the place of one that gave up to the next', async () => {
  const turnstile = new Turnstile(1, 3);
  await turnstile.enter(signal);
  const controller = new AbortController();
  const gone = turnstile.enter(controller.signal);
  const next = turnstile.enter(signal);
  controller.abort(new Error('gone'));
  await expect(gone).rejects.toThrow('gone');
  turnstile.leave();
  await next;
  turnstile.leave();
  expect([turnstile.inside, turnstile.waiting]).toEqual([0, 0]);
  await expect(turnstile.enter(controller.signal)).rejects.toThrow('gone');
});
