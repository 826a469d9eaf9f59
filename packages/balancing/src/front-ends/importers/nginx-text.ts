import { ResourceError } from '../../resources/problem.js';

/** A directive of nginx: its words, and what stands in its braces. */
export interface Directive {
  readonly line: number;
  readonly name: string;
  readonly args: readonly string[];
  /** Null: it ends with a semicolon. */
  readonly block: readonly Directive[] | null;
}

interface Token {
  readonly text: string;
  readonly line: number;
  /** One of `{`, `}` and `;`, and not quoted. */
  readonly isMark: boolean;
}

/** Blocks inside blocks; nginx itself needs six. */
const DEPTH_MAX = 32;

const TOKEN = /#[^\n]*|"((?:[^"\\]|\\[\s\S])*)"|'((?:[^'\\]|\\[\s\S])*)'|[{};]|(?:\\[\s\S]|\$\{[^}]*\}|[^\s{};"'\\])+/g;

/** Reads nginx's syntax. @throws ResourceError for braces that do not match. */
export function readDirectives(text: string): Directive[] {
  const tokens = tokensOf(text);
  const position = { next: 0 };
  const directives = readBlock(tokens, position, 0);
  const surplus = tokens[position.next];
  if (surplus !== undefined) throw misplaced(surplus.line, '"}" without a block that it ends');
  return directives;
}

/** The directive as it was written, without its block. */
export function directiveText({ name, args }: Directive): string {
  return [name, ...args].join(' ');
}

function tokensOf(text: string): Token[] {
  let line = 1;
  let position = 0;
  const tokens: Token[] = [];
  for (const match of text.matchAll(TOKEN)) {
    line += text.slice(position, match.index).split('\n').length - 1;
    position = match.index;
    const quoted = match[1] ?? match[2];
    if (match[0].startsWith('#')) continue;
    tokens.push({
      text: (quoted ?? match[0]).replace(/\\([\s\S])/g, '$1'),
      line,
      isMark: quoted === undefined && /^[{};]$/.test(match[0]),
    });
  }
  return tokens;
}

function readBlock(tokens: readonly Token[], position: { next: number }, depth: number): Directive[] {
  if (depth > DEPTH_MAX)
    throw misplaced(tokens[position.next - 1]!.line, `more than ${DEPTH_MAX} blocks inside each other`);
  const directives: Directive[] = [];
  let words: Token[] = [];
  for (;;) {
    const token = tokens[position.next];
    if (token === undefined || (token.isMark && token.text === '}')) break;
    position.next++;
    if (!token.isMark) {
      words.push(token);
      continue;
    }
    const [name, ...args] = words;
    if (name === undefined) throw misplaced(token.line, `"${token.text}" without a directive in front`);
    const block = token.text === '{' ? readBlock(tokens, position, depth + 1) : null;
    if (block !== null && tokens[position.next++] === undefined)
      throw misplaced(name.line, `"${name.text}" without an end`);
    directives.push({ line: name.line, name: name.text, args: args.map(({ text }) => text), block });
    words = [];
  }
  if (words.length > 0) throw misplaced(words[0]!.line, `"${words[0]!.text}" without ";"`);
  return directives;
}

function misplaced(line: number, what: string): ResourceError {
  return new ResourceError([{ document: 0, path: [], message: `line ${line}: ${what}, expected nginx's syntax` }]);
}
