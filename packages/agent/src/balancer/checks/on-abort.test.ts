import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { onAbort } from './on-abort.js';

it('calls back all who wait, in their order, and nobody who does not wait any more', () => {
  const { signal, abort } = controlled();
  const called: number[] = [];
  const cancels = Array.from({ length: 1_000 }, (_, index) => onAbort(signal, () => called.push(index)));
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  for (const [index, cancel] of cancels.entries()) if (index % 2 === 1) cancel();
  abort();
  expect(called).toEqual(Array.from({ length: 500 }, (_, index) => 2 * index));
});

it('takes back one that is called while others are', () => {
  const { signal, abort } = controlled();
  const called: string[] = [];
  onAbort(signal, () => {
    called.push('first');
    cancel();
  });
  const cancel = onAbort(signal, () => called.push('second'));
  abort();
  expect(called).toEqual(['first']);
});

function controlled(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
