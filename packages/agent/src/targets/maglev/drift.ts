import type { Content } from './contents.js';
import type { ActualBalancer } from './plan.js';
import type { Reading } from './read.js';

/** What is not as it was written, one sentence each; empty if all is. Of sets, only those of these keys were read. */
export function differences(
  written: ActualBalancer,
  { actual, readback, stored }: Reading,
  keys: ReadonlySet<string>,
): string[] {
  const found: string[] = [];
  if (actual.structure === null) found.push('the structure is gone');
  else if (actual.structure !== written.structure) found.push('another program replaced the structure');
  else if (readback !== stored) found.push('chains, rules or their elements were changed by hand');
  for (const [key, content] of written.contents) {
    if (!keys.has(key)) continue;
    const difference = contentDifference(content, actual.contents.get(key) ?? null);
    if (difference !== null) found.push(`${key}: ${difference}`);
  }
  return found;
}

function contentDifference(written: Content, read: Content | null): string | null {
  if (read === null) return 'the set is gone';
  if (written.kind === 'slots' && read.kind === 'slots') {
    const differing = written.marks.reduce((count, mark, slot) => count + (mark === read.marks[slot] ? 0 : 1), 0);
    return differing === 0 ? null : `${differing} of ${written.marks.length} slots differ`;
  }
  if (written.kind === 'marks' && read.kind === 'marks') {
    const same = written.marks.length === read.marks.length && written.marks.every((mark) => read.marks.includes(mark));
    return same ? null : `${read.marks.length} members, expected ${written.marks.length}`;
  }
  if (written.kind !== 'intervals' || read.kind !== 'intervals') return 'another kind of set';
  const same = Buffer.compare(written.intervals.keys, read.intervals.keys) === 0;
  return same ? null : `${read.intervals.count} ranges, expected ${written.intervals.count}`;
}
