import { describe, expect, it } from 'vitest';
import { describeFault, type Fault } from './fault.js';
import { faultWords } from './fault-words.js';
import type { Observation } from './observation.js';
import { type Recorded, timeline } from './timeline.js';

const TRACK = 'org/acme/lists/blocked';
const PARTITION: Fault = {
  kind: 'partition',
  left: 'edge',
  right: 'pop-2',
  ways: 'both',
  atMs: 5000,
  durationMs: 9000,
};
const STEP: Fault = { kind: 'wall-clock-step', node: 'pop-1', byMs: -90_000, atMs: 20_000, durationMs: 0 };

const committed = (group: number, version: number): Observation => ({
  ...{ kind: 'committed', node: 'publisher', track: TRACK, group, object: 0, payload: new Uint8Array(0) },
  ...{ ttlMs: 12_000, version },
});
const enforced = (node: string, group: number, version: number): Observation => ({
  ...{ kind: 'enforced', node, track: TRACK, group, version },
});
const received = (node: string, group: number): Observation => ({
  ...{ kind: 'received', node, track: TRACK, group, payload: new Uint8Array(0) },
});
const fault = (of: Fault, phase: 'begin' | 'end'): Observation => ({
  ...{ kind: 'fault', node: 'edge', phase, stalls: true, what: `${phase} ${describeFault(of)}` },
});
const note = (node: string, what: string): Observation => ({ kind: 'note', node, what });

function at(...entries: readonly (readonly [number, Observation])[]): Recorded[] {
  return entries.map(([atMs, observation]) => ({ atMs, observation }));
}

describe('timeline', () => {
  it('tells a partition as an operator would: who had what, what expired, what came back, and how long each took', () => {
    const records = at(
      [0, { kind: 'started', node: 'edge' }],
      [0, { kind: 'started', node: 'pop-1' }],
      [0, { kind: 'started', node: 'pop-2' }],
      [1000, committed(1, 1)],
      [1040, received('pop-1', 1)],
      [1044, enforced('pop-1', 1, 1)],
      [1060, enforced('pop-2', 1, 1)],
      [1200, { kind: 'acknowledged', node: 'publisher', pop: 'pop-1', track: TRACK, version: 1 }],
      [1210, { kind: 'acknowledged', node: 'publisher', pop: 'pop-2', track: TRACK, version: 1 }],
      // A renewal: nobody needs to read of it.
      [4000, committed(2, 1)],
      [4050, enforced('pop-1', 2, 1)],
      [5000, fault(PARTITION, 'begin')],
      [9000, note('pop-2', 'lost edge: nothing came for 4 s')],
      [9100, note('pop-2', 'cannot connect to edge')],
      [12_000, note('pop-2', 'cannot connect to edge')],
      [12_500, { kind: 'expired', node: 'pop-2', track: TRACK, group: 1, version: 1, mode: 'open' }],
      [14_000, fault(PARTITION, 'end')],
      [14_500, enforced('pop-2', 2, 1)],
      [20_000, fault(STEP, 'begin')],
    );
    expect(timeline(records, [PARTITION, STEP])).toEqual([
      '    0.000          edge, pop-1 and pop-2 started',
      `    1.000          publisher publishes ${TRACK} version 1: pop-1 and pop-2 enforce it after 44 ms to 60 ms, acknowledged after 210 ms`,
      '    5.000        ┌ fault 0: edge and pop-2 cannot reach each other, for 9.0 s',
      '    9.000   +4.0 │ pop-2: lost edge: nothing came for 4 s',
      '    9.100   +4.1 │ pop-2: cannot connect to edge (2 times until 12.0 s)',
      `   12.500   +7.5 │ ${TRACK} version 1 expires at pop-2, which falls back to "open"`,
      '   14.000        └ fault 0 is over: edge and pop-2 reach each other as before',
      `   14.500   +0.5   pop-2 enforces ${TRACK} version 1, 13.5 s after it was published`,
      '   20.000        • fault 1: the wall clock of pop-1 jumps back by 90.0 s',
    ]);
  });

  it('tells what it has no words for as it was noted', () => {
    const records = at(
      [10, { kind: 'spoiled', node: 'writer', track: TRACK, group: 4, object: 0, fault: 'a bit' }],
      [20, received('pop-9', 7)],
    );
    expect(timeline(records, [])).toEqual([
      `    0.010          writer published ${TRACK} group 4 object 0 with a fault: a bit`,
      `    0.020          pop-9 gets ${TRACK}`,
    ]);
  });

  it('folds what flows, what many say, and long lists of nodes', () => {
    const delivered = (node: string, object: number): Observation => ({
      ...{
        kind: 'delivered',
        node,
        track: 'simulated/events',
        group: 1,
        object,
        payload: new Uint8Array(0),
        lost: false,
      },
    });
    const nodes = Array.from({ length: 8 }, (_, index) => `pop-${index}`);
    const records = at(
      ...nodes.map((node) => [0, { kind: 'started', node }] as const),
      ...[0, 1, 2, 3].map((object) => [1000 + object * 400, delivered(`pop-${object % 2}`, object)] as const),
      [9000, delivered('pop-1', 4)],
      [9500, { kind: 'refused', node: 'pop-1', track: TRACK, group: 1, object: 0, reason: 'no list' }],
      [9600, { kind: 'refused', node: 'pop-2', track: TRACK, group: 1, object: 0, reason: 'no list' }],
    );
    expect(timeline(records, [])).toEqual([
      '    0.000          pop-0, pop-1, pop-2 and 5 others started',
      '    1.000          pop-0 and pop-1 get 4 events of simulated/events until 2.2 s',
      '    9.000          pop-1 gets 1 event of simulated/events',
      `    9.500          pop-1 and pop-2, each refused ${TRACK} group 1 object 0: no list`,
    ]);
  });
});

describe('faultWords', () => {
  it.each([
    [{ kind: 'partition', left: 'a', right: 'b', ways: 'left-to-right' }, 'nothing gets from a to b'],
    [{ kind: 'reset', left: 'a', right: 'b' }, 'the connections between a and b are reset'],
    [{ kind: 'loss', left: 'a', right: 'b', rate: 0.25 }, '25 % of the packets between a and b are lost'],
    [{ kind: 'crash', node: 'a' }, 'a dies'],
    [{ kind: 'wall-clock-step', node: 'a', byMs: 7_200_000 }, 'the wall clock of a jumps ahead by 2.0 h'],
  ] as const)('says %o', (fault, words) => {
    expect(faultWords({ ...fault, atMs: 0, durationMs: 0 })).toBe(words);
  });
});
