import type { z } from 'zod';
import { type ProblemPath, type ResourceProblem, refusal, shown } from './problem.js';

/** What a value of unknown shape turned out to be. */
export type ShapeResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly ResourceProblem[] };

const TYPE_NAMES: Readonly<Record<string, string>> = {
  object: 'a map',
  record: 'a map',
  array: 'a list',
  tuple: 'a list',
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  null: 'null',
};

/** Checks a value against a schema; every problem names the value and what was expected. `base` is where the value stands. */
export function checkShape<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  document = 0,
  base: ProblemPath = [],
): ShapeResult<z.output<Schema>> {
  const result = schema.safeParse(value, { error: messageOf });
  if (result.success) return { ok: true, value: result.data };
  const problems = result.error.issues
    .flatMap(flatten)
    .map(({ path, message }) => ({ document, path: [...base, ...path], message }));
  return { ok: false, problems };
}

interface Finding {
  readonly path: (string | number)[];
  readonly message: string;
}

function messageOf(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return refusal(issue.input, TYPE_NAMES[issue.expected] ?? issue.expected);
    case 'invalid_value':
      return refusal(issue.input, oneOf(issue.values.map(valueText)));
    case 'unrecognized_keys':
      return oneOf(knownKeys(issue.inst));
    case 'invalid_union':
      return refusal(issue.input, 'another kind of value');
    case 'too_small':
      return refusal(issue.input, sizeText('least', issue.minimum, issue.origin));
    case 'too_big':
      return refusal(issue.input, sizeText('most', issue.maximum, issue.origin));
    case 'invalid_format':
      return refusal(issue.input, `text of the form ${issue.format}`);
    default:
      return undefined;
  }
}

/** One finding per unknown key, and of a union the findings of the branch that was meant. */
function flatten(issue: z.core.$ZodIssue): Finding[] {
  const path = issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key));
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: [...path, key],
      message: `unknown key ${shown(key)}, expected ${issue.message}`,
    }));
  }
  if (issue.code !== 'invalid_union') return [{ path, message: issue.message }];
  const meant = issue.errors.find((branch) => branch.every(({ path: inner, code }) => isInside(inner, code)));
  if (meant === undefined) return [{ path, message: issue.message }];
  return meant.flatMap(flatten).map((finding) => ({ ...finding, path: [...path, ...finding.path] }));
}

/** Whether the finding is about a part of the value and not about what kind of value it is. */
function isInside(path: readonly PropertyKey[], code: string): boolean {
  return path.length > 0 || code === 'unrecognized_keys' || code === 'custom';
}

function knownKeys(inst: unknown): string[] {
  const shape = (inst as { _zod?: { def?: { shape?: object } } } | undefined)?._zod?.def?.shape;
  return shape === undefined ? [] : Object.keys(shape);
}

function oneOf(texts: readonly string[]): string {
  if (texts.length === 0) return 'none';
  return texts.length === 1 ? texts[0]! : `one of ${texts.join(', ')}`;
}

function valueText(value: unknown): string {
  return typeof value === 'string' ? value : String(value);
}

function sizeText(bound: 'least' | 'most', size: number | bigint, origin: string): string {
  const unit = origin === 'array' ? ' entries' : origin === 'string' ? ' characters' : '';
  return `at ${bound} ${size}${unit}`;
}
