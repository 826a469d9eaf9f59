import { readFileSync } from 'node:fs';
import {
  type Document,
  isMap,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  parseAllDocuments,
  parseDocument,
  type YAMLError,
} from 'yaml';
import type { z } from 'zod';

/** Largest configuration file that is read, so that a wrong path (a device, a dump) is refused and not loaded. */
const CONFIG_BYTES_MAX = 4 * 1024 * 1024;

/** Uses of anchors in a document: enough for shared blocks, too few to blow up a small file. */
const ALIASES_MAX = 100;

/** One thing that is wrong with a configuration file. */
export interface ConfigProblem {
  /** Dotted path of the field, such as `listen.port`; empty for the whole file. */
  readonly path: string;
  /** 1-based; null if the field is missing altogether and its parent is the file itself. */
  readonly line: number | null;
  readonly message: string;
}

/** The configuration can't be used; `problems` name each field, its line and what was expected. Nothing was applied. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'config-invalid';
  readonly problems: readonly ConfigProblem[];
  constructor(source: string, problems: readonly ConfigProblem[], options?: ErrorOptions) {
    super(problems.map((problem) => describe(source, problem)).join('\n'), options);
    this.problems = problems;
  }
}

/**
 * Reads a YAML file and checks it against a schema; unknown keys are errors when the schema is strict.
 *
 * @throws ConfigError naming every problem with its line
 */
export function loadConfig<Schema extends z.ZodType>(schema: Schema, path: string): z.output<Schema> {
  return parseConfig(schema, readText(path), path);
}

/** As `loadConfig`, from text; `source` is the name that errors carry. */
export function parseConfig<Schema extends z.ZodType>(schema: Schema, text: string, source: string): z.output<Schema> {
  const lines = new LineCounter();
  const document = guard(source, () => parseDocument(text, { lineCounter: lines, prettyErrors: false }));
  const { value, lineOf } = read(document, lines, source);
  const result = schema.safeParse(value ?? {});
  if (result.success) return result.data;
  throw new ConfigError(
    source,
    result.error.issues.flatMap((issue) => problemsOf(issue, lineOf)),
  );
}

/** One YAML document as plain data, which is yet to be checked. */
export interface ConfigDocument {
  readonly value: unknown;
  /** 1-based line of the field at `path`, or of the deepest field above it that exists; null if there is none. */
  lineOf(path: readonly PropertyKey[]): number | null;
}

/**
 * Reads all documents of a YAML file; empty ones are left out.
 *
 * @throws ConfigError if the file can't be read or is no YAML, with the line of every error
 */
export function loadDocuments(path: string): ConfigDocument[] {
  return parseDocuments(readText(path), path);
}

/** As `loadDocuments`, from text; `source` is the name that errors carry. */
export function parseDocuments(text: string, source: string): ConfigDocument[] {
  const lines = new LineCounter();
  const documents = guard(source, () => parseAllDocuments(text, { lineCounter: lines, prettyErrors: false }));
  refuseErrors(
    source,
    [...documents].flatMap(({ errors }) => errors),
    lines,
  );
  return [...documents].map((document) => read(document, lines, source)).filter(({ value }) => value !== null);
}

function read(document: Document.Parsed, lines: LineCounter, source: string): ConfigDocument {
  refuseErrors(source, document.errors, lines);
  return {
    value: guard(source, () => document.toJS({ maxAliasCount: ALIASES_MAX })),
    lineOf: (path) => findLine(document.contents, path, lines),
  };
}

function refuseErrors(source: string, errors: readonly YAMLError[], lines: LineCounter): void {
  if (errors.length === 0) return;
  throw new ConfigError(
    source,
    errors.map((error) => ({ path: '', line: lines.linePos(error.pos[0]).line, message: lowerFirst(error.message) })),
  );
}

/** What the YAML library throws is the file's fault: an unknown alias, too many of them, or too deep a nesting. */
function guard<T>(source: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    throw new ConfigError(source, [{ path: '', line: null, message: lowerFirst(reasonOf(cause)) }], { cause });
  }
}

function readText(path: string): string {
  try {
    const bytes = readFileSync(path);
    if (bytes.length > CONFIG_BYTES_MAX) {
      throw new Error(`${bytes.length} bytes, expected at most ${CONFIG_BYTES_MAX}`);
    }
    return bytes.toString('utf8');
  } catch (cause) {
    throw new ConfigError(path, [{ path: '', line: null, message: `cannot be read: ${reasonOf(cause)}` }], { cause });
  }
}

function problemsOf(issue: z.core.$ZodIssue, lineOf: ConfigDocument['lineOf']): ConfigProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: dotted([...issue.path, key]),
      line: lineOf([...issue.path, key]),
      message: 'unknown key',
    }));
  }
  return [{ path: dotted(issue.path), line: lineOf(issue.path), message: lowerFirst(issue.message) }];
}

/** The line of the node at `path`, or of the deepest ancestor that exists. */
function findLine(root: Node | null, path: readonly PropertyKey[], lines: LineCounter): number | null {
  let node: unknown = root;
  let offset: number | undefined;
  for (const step of path) {
    const pair = isMap(node)
      ? node.items.find((item) => isPair(item) && keyText(item.key) === String(step))
      : undefined;
    const next = pair ?? itemAt(node, step);
    if (next === undefined) break;
    const anchor = (pair ? pair.key : next) as Node | null;
    offset = anchor?.range?.[0] ?? offset;
    node = pair ? pair.value : next;
  }
  return offset === undefined ? null : lines.linePos(offset).line;
}

function itemAt(node: unknown, step: PropertyKey): unknown {
  if (typeof step !== 'number' || node === null || typeof node !== 'object' || !('items' in node)) return undefined;
  return (node.items as unknown[])[step];
}

function keyText(key: unknown): string {
  return isScalar(key) ? String(key.value) : String(key);
}

function dotted(path: readonly PropertyKey[]): string {
  return path
    .map((key) => (typeof key === 'number' ? `[${key}]` : String(key)))
    .join('.')
    .replaceAll('.[', '[');
}

function describe(source: string, problem: ConfigProblem): string {
  const where = problem.line === null ? source : `${source}:${problem.line}`;
  return problem.path === '' ? `${where}: ${problem.message}` : `${where}: ${problem.path}: ${problem.message}`;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
