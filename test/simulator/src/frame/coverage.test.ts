import { expect, it } from 'vitest';
import { Coverage } from './coverage.js';
import type { Fault } from './faults.js';

const CRASH: Fault = { kind: 'crash', node: 'edge', atMs: 0, durationMs: 0 };

it('counts transitions under the faults that are there or ended a moment ago', () => {
  const coverage = new Coverage();
  coverage.mark('session', 'lost', 0);
  coverage.fault(CRASH, 'begin', 1000);
  coverage.mark('session', 'lost', 90_000);
  coverage.fault(CRASH, 'end', 100_000);
  coverage.mark('session', 'opened', 109_000);
  coverage.mark('session', 'opened', 111_000);
  expect(coverage.table()).toEqual({
    'session lost': { none: 1, crash: 1 },
    'session opened': { crash: 1, none: 1 },
  });
});

it('takes the growth of counters for transitions, at the time of the faults', () => {
  const coverage = new Coverage();
  const counters = { dropped: 0, conflated: 0, sessions: 3, delays: [1] };
  coverage.watch('relay', counters, ['sessions']);
  counters.dropped = 2;
  coverage.fault(CRASH, 'begin', 10);
  counters.dropped = 3;
  counters.sessions = 1;
  coverage.sampleSometimes(20);
  coverage.sampleSometimes(400);
  expect(coverage.table()).toEqual({ 'relay dropped': { none: 2, crash: 1 } });
});
