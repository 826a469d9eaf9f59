import { formatAddress } from '@higgins/ipdata';
import type { Intervals } from './intervals.js';
import type { NftOperation, Step } from './model.js';

/** Intervals that a description spells out; beyond it, their number is given. */
const INTERVALS_SHOWN_MAX = 8;

/** Operations as text, one line per step, for logs and tests. */
export function describeOperations(operations: readonly NftOperation[]): string {
  return operations.map(describeOperation).join('\n');
}

function describeOperation({ list, generation, steps }: NftOperation): string {
  const condition = generation === null ? 'whatever the generation' : `if generation ${generation}`;
  return [`batch for ${list}, ${condition}`, ...steps.map((step) => `  ${describeStep(step)}`)].join('\n');
}

function describeStep(step: Step): string {
  if (step.kind === 'flush') return `flush ${step.set}`;
  if (step.kind === 'verdicts') {
    const { before, after, deadlineBootMs } = step;
    const was = before.ipv4 === before.ipv6 ? `${before.ipv4}` : `${before.ipv4} / ${before.ipv6}`;
    const until = after !== null && deadlineBootMs !== null ? ` until ${deadlineBootMs}` : '';
    return `${step.map}: ${was} -> ${after}${until}`;
  }
  return `${step.kind} ${step.set} ${describeIntervals(step.intervals)}`;
}

function describeIntervals(intervals: Intervals): string {
  if (intervals.count > INTERVALS_SHOWN_MAX) return `${intervals.count} intervals`;
  return Array.from({ length: intervals.count }, (_, index) => intervalAt(intervals, index)).join(', ');
}

function intervalAt(intervals: Intervals, index: number): string {
  const first = addressAt(intervals, index * 2);
  const last = addressAt(intervals, index * 2 + 1);
  return first === last ? first : `${first}-${last}`;
}

function addressAt({ keyBytes, keys }: Intervals, position: number): string {
  const view = new DataView(keys.buffer, keys.byteOffset + position * keyBytes, keyBytes);
  const words = Uint32Array.from({ length: keyBytes / 4 }, (_, word) => view.getUint32(word * 4));
  return formatAddress(keyBytes === 4 ? 4 : 6, words);
}
