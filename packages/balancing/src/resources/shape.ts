import { z } from 'zod';
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

/** Text of a form that a pattern describes. */
export function textLike(pattern: RegExp, expected: string) {
  return z.string().regex(pattern, { error: (issue) => refusal(issue.input, expected) });
}

interface Finding {
  readonly path: (string | number)[];
  readonly message: string;
}

function messageOf(issue: z.core.$ZodRawIssue): string | undefined {
  const expected = expectation(issue);
  if (expected === undefined || issue.code === 'unrecognized_keys') return expected;
  return refusal(issue.code === 'invalid_union' ? judged(issue) : issue.input, expected);
}

/** What was expected instead; undefined for what the schema words itself. */
function expectation(issue: z.core.$ZodIssue | z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return TYPE_NAMES[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return oneOf(issue.values.map(String));
    case 'unrecognized_keys':
      return oneOf(knownKeys(issue));
    case 'invalid_union':
      return unionText(issue);
    case 'too_small':
      return sizeText('least', issue.minimum, issue.origin);
    case 'too_big':
      return sizeText('most', issue.maximum, issue.origin);
    default:
      return undefined;
  }
}

interface UnionIssue {
  readonly errors: readonly (readonly z.core.$ZodIssue[])[];
  /** Of unions that a key decides: the key, and the values that it may have. */
  readonly discriminator?: string | undefined;
  readonly options?: readonly unknown[] | undefined;
}

function unionText({ errors, options }: UnionIssue): string {
  if (options !== undefined) return oneOf(options.map(String));
  return errors
    .flatMap(([first]) => (first === undefined ? [] : [expectation(first) ?? 'another value']))
    .join(', or ');
}

/** The value that decides which branch of a union is meant. */
function judged({
  input,
  discriminator,
}: {
  readonly input?: unknown;
  readonly discriminator?: string | undefined;
}): unknown {
  return discriminator === undefined ? input : (input as Record<string, unknown>)[discriminator];
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

function knownKeys(issue: object): string[] {
  const { inst } = issue as { inst?: { _zod?: { def?: { shape?: object } } } };
  const shape = inst?._zod?.def?.shape;
  return shape === undefined ? [] : Object.keys(shape);
}

function oneOf(texts: readonly string[]): string {
  if (texts.length === 0) return 'none';
  return texts.length === 1 ? texts[0]! : `one of ${texts.join(', ')}`;
}

function sizeText(bound: 'least' | 'most', size: number | bigint, origin: string): string {
  const unit = origin === 'array' ? ' entries' : origin === 'string' ? ' characters' : '';
  return `at ${bound} ${size}${unit}`;
}
