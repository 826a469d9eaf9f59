import { expect, it } from 'vitest';
import { readCorpus } from './frame/corpus.js';
import { WorkMeter } from './frame/work-meter.js';

// V8 counts in code that it compiles while the meter is there.
const meter = new WorkMeter();
const { workTarget } = await import('./targets/work.js');
const { BULK_KINDS } = await import('./generate/bulk.js');
const work = workTarget(meter);

it('counts the work of the core', async () => {
  const { vi64Size } = await import('@higgins/protocol');
  const { blocks } = meter.measure(() => {
    for (let i = 0; i < 1000; i++) vi64Size(i);
  });
  expect(blocks).toBeGreaterThan(1000);
  expect(meter.measure(() => {})).toEqual({ blocks: 0, allocatedBytes: 0 });
  expect(meter.measure(() => new Uint8Array(77)).allocatedBytes).toBe(77);
});

it.each(BULK_KINDS)('BUS-68: the work that a peer can make grows with its bytes: %s', (kind) => {
  for (const seed of [1, 2, 4]) expect(work.replay({ kind, bytes: 6_000, seed }).passedFirst).toBe(true);
});

const kept = [...readCorpus()].filter(([, { target }]) => target === 'work');
it.each(kept)('replays %s', (_file, { input }) => {
  expect(work.replay(input).passedFirst).toBe(true);
});
