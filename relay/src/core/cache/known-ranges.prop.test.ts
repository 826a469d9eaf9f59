import { type Location, VI64_MAX } from '@higgins/protocol';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { after } from '../locations.js';
import { KnownRanges } from './known-ranges.js';

// A small world: groups 0 to 4 with objects 0 to 4, of which the last stands for all objects that follow.
const GROUPS = 5;
const OBJECTS = 5;
const cells: Location[] = [];
for (let group = 0; group < GROUPS; group++) {
  for (let object = 0; object < OBJECTS; object++)
    cells.push({ group, object: object === OBJECTS - 1 ? VI64_MAX : object });
}

const change = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), a: fc.nat(cells.length - 1), b: fc.nat(cells.length - 1) }),
  fc.record({ kind: fc.constant('remove' as const), group: fc.nat(GROUPS - 1) }),
);

/** Where the stretch that a cell stands for starts. */
function startOf(index: number): Location {
  return index % OBJECTS === OBJECTS - 1 ? { group: cells[index]!.group, object: OBJECTS - 1 } : cells[index]!;
}

it('knows exactly what was added and not removed since', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
      const ranges = new KnownRanges();
      const model = new Array<boolean>(cells.length).fill(false);
      for (const one of changes) {
        if (one.kind === 'add') {
          const [from, to] = [Math.min(one.a, one.b), Math.max(one.a, one.b)];
          ranges.add(startOf(from), cells[to]!);
          model.fill(true, from, to + 1);
        } else {
          ranges.removeGroup(one.group);
          model.fill(false, one.group * OBJECTS, (one.group + 1) * OBJECTS);
        }
        model.forEach((known, index) => {
          expect(ranges.at(startOf(index)) !== null).toBe(known);
          expect(ranges.at(cells[index]!) !== null).toBe(known);
        });
        expect(ranges.count).toBe(model.filter((known, index) => known && !model[index - 1]).length);
      }
      for (let index = 0; index < cells.length; index++) {
        const next = model.findIndex((known, other) => other > index && known && !model[other - 1]);
        const found = ranges.nextAfter(cells[index]!);
        expect(found?.start ?? null).toEqual(next < 0 ? null : startOf(next));
      }
    }),
    { seed: 11, numRuns: 400 },
  );
});

it('joins ranges that touch across groups', () => {
  const ranges = new KnownRanges();
  ranges.add({ group: 1, object: 0 }, { group: 1, object: VI64_MAX });
  ranges.add({ group: 2, object: 0 }, { group: 2, object: 3 });
  expect(ranges.count).toBe(1);
  expect(ranges.covers({ group: 1, object: 5 }, { group: 2, object: 3 })).toBe(true);
  expect(ranges.covers({ group: 1, object: 5 }, after({ group: 2, object: 3 }))).toBe(false);
});
