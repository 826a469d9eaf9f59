import type { SetOperation } from '@higgins/netlink';
import { wordsOf } from './contents.js';
import { markText } from './names.js';
import type { Step } from './plan.js';

/** Elements that a description spells out; beyond it, their number is given. */
const ELEMENTS_SHOWN_MAX = 8;

/** Steps as text, for logs and tests. */
export function describeSteps(steps: readonly Step[]): string {
  return steps.map(describeStep).join('\n');
}

function describeStep(step: Step): string {
  if (step.kind === 'script') return `nft -f -\n${indented(step.text.trimEnd().split('\n'))}`;
  if (step.kind === 'routes') {
    const lines = step.add.map(({ mark, gateway, device }) => `add ${markText(mark)} via ${gateway} device ${device}`);
    return `routes\n${indented([...lines, ...step.remove.map(({ mark }) => `remove ${markText(mark)}`)])}`;
  }
  const condition = step.generation === null ? 'whatever the generation' : `if generation ${step.generation}`;
  return `batch for ${step.family}, ${condition}\n${indented(step.operations.map(describeOperation))}`;
}

function describeOperation(operation: SetOperation): string {
  if (!('keys' in operation)) return `${operation.kind} ${operation.set}`;
  const { kind, set, keys, layout, values } = operation;
  if (layout === 'interval') return `${kind} ${set} ${Buffer.from(keys).toString('hex')}`;
  const slots = wordsOf(keys);
  if (slots.length > ELEMENTS_SHOWN_MAX) return `${kind} ${set} ${slots.length} elements`;
  const marks = values ? wordsOf(values) : null;
  const text = (word: number, index: number) => (marks ? `${word}: ${markText(marks[index]!)}` : keyText(set, word));
  return `${kind} ${set} ${slots.map(text).join(', ')}`;
}

/** Keys of a slot map are slots, those of other sets marks. */
function keyText(set: string, word: number): string {
  return set.includes('.slots.') ? `${word}` : markText(word);
}

function indented(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}`).join('\n');
}
