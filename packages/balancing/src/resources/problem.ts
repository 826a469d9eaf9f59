/** Keys and indexes from the document's root to a field. */
export type ProblemPath = readonly (string | number)[];

/** One thing that is wrong with a configuration, or worth knowing about it. */
export interface ResourceProblem {
  /** Which document of the source, from 0. */
  readonly document: number;
  readonly path: ProblemPath;
  /** Names the value and what was expected; lower case, no full stop. */
  readonly message: string;
}

/** Problems shown of one configuration: enough to see what is wrong, few enough to read. */
export const PROBLEMS_MAX = 1_000;

/** The configuration can't be used: `problems` name every field. Nothing was applied; whoever wrote it must change it. */
export class ResourceError extends Error {
  override readonly name = 'ResourceError';
  readonly code = 'resources-invalid';
  /** The first 1,000. */
  readonly problems: readonly ResourceProblem[];

  constructor(problems: readonly ResourceProblem[]) {
    const first = problems.slice(0, PROBLEMS_MAX);
    super(first.map(problemText).join('\n'));
    this.problems = first;
  }
}

/** Receives what is wrong at a path. */
export type Report = (path: ProblemPath, message: string) => void;

const SHOWN_CHARACTERS_MAX = 64;

/** `listeners[0].port: 0 is refused, expected 1 to 65535`. */
export function problemText({ path, message }: Pick<ResourceProblem, 'path' | 'message'>): string {
  return path.length === 0 ? message : `${pathText(path)}: ${message}`;
}

/** `listeners[0].port`. */
export function pathText(path: ProblemPath): string {
  return path
    .map((key) => (typeof key === 'number' ? `[${key}]` : key))
    .join('.')
    .replaceAll('.[', '[');
}

/** `0 is refused, expected 1 to 65535`; for an absent value `missing, expected …`. */
export function refusal(value: unknown, expected: string): string {
  return value === undefined ? `missing, expected ${expected}` : `${shown(value)} is refused, expected ${expected}`;
}

/** A value as it stands in a message: at most 64 characters, text in quotes. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `"${shortened(escaped(value))}"`;
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a map';
  return shortened(String(value));
}

function escaped(text: string): string {
  return text.slice(0, SHOWN_CHARACTERS_MAX + 1).replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, '�');
}

function shortened(text: string): string {
  return text.length <= SHOWN_CHARACTERS_MAX ? text : `${text.slice(0, SHOWN_CHARACTERS_MAX - 1)}…`;
}
