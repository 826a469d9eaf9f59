import { type Location, VI64_MAX } from '@higgins/protocol';
import { describe, expect, it } from 'vitest';
import { planFetch } from './fetch-plan.js';
import type { WrittenGroup } from './track-writer.js';

const bytes = new Uint8Array(0);
const groupOf = (group: number, count: number): WrittenGroup => ({
  group,
  previousGroup: null,
  objects: Array.from({ length: count }, (_, object) => ({
    object,
    properties: bytes,
    payload: bytes,
    fixedBootMs: 0,
  })),
});
const at = (group: number, object: number): Location => ({ group, object });
const shown = (groups: readonly WrittenGroup[], start: Location, end: Location, order: 'ascending' | 'descending') => {
  const plan = planFetch(groups, start, end, order);
  if (plan === null) return null;
  const parts = plan.parts.map((part) =>
    part.kind === 'object' ? `${part.group}/${part.object.object}` : `?${part.end.group}/${part.end.object}`,
  );
  return { end: `${plan.end.group}/${plan.end.object}`, parts };
};

describe('planFetch', () => {
  const groups = [groupOf(7, 3)];

  it('BUS-31: a join gets the newest group up to the Joining Location', () => {
    expect(shown(groups, at(7, 0), at(7, 2), 'ascending')).toEqual({ end: '7/2', parts: ['7/0', '7/1'] });
    expect(shown(groups, at(7, 0), at(7, 0), 'ascending')).toEqual({ end: '7/3', parts: ['7/0', '7/1', '7/2'] });
  });

  it('says that older groups are unknown, not absent', () => {
    expect(shown(groups, at(5, 1), at(9, 0), 'ascending')?.parts).toEqual([`?6/${VI64_MAX}`, '7/0', '7/1', '7/2']);
    expect(shown(groups, at(0, 0), at(9, 0), 'descending')?.parts).toEqual(['7/0', '7/1', '7/2', '?0/0']);
    expect(shown(groups, at(3, 1), at(5, 3), 'ascending')).toEqual({ end: '5/3', parts: ['?5/2'] });
    expect(shown(groups, at(3, 1), at(5, 0), 'ascending')?.parts).toEqual([`?5/${VI64_MAX}`]);
  });

  it('sends groups in the order asked for, objects always ascending', () => {
    const both = [groupOf(3, 2), groupOf(7, 2)];
    expect(shown(both, at(3, 0), at(8, 0), 'descending')?.parts).toEqual(['7/0', '7/1', '3/0', '3/1']);
    expect(shown(both, at(3, 1), at(7, 1), 'ascending')?.parts).toEqual(['3/1', '7/0']);
  });

  it('refuses a range that starts beyond what was published', () => {
    expect(shown(groups, at(7, 3), at(9, 0), 'ascending')).toBeNull();
    expect(shown([], at(0, 0), at(9, 0), 'ascending')).toBeNull();
  });
});
