/** A line of HAProxy's configuration as words. */
export interface Statement {
  /** From 1. */
  readonly line: number;
  readonly words: readonly string[];
}

/** A section: the words of its head, and the statements below it. */
export interface Section extends Statement {
  readonly statements: readonly Statement[];
}

/** Words that begin a section. */
const SECTIONS = new Set([
  ...['global', 'defaults', 'frontend', 'backend', 'listen', 'peers', 'resolvers', 'mailers', 'userlist', 'program'],
  ...['cache', 'ring', 'http-errors', 'log-forward', 'fcgi-app', 'crt-store', 'traces'],
]);

// A word is made of quoted and bare parts; a backslash takes the next character as it is.
const WORD = /#.*$|(?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'\\#])+/g;

/** Reads HAProxy's syntax; what stands above the first section belongs to a section without words. */
export function readSections(text: string): Section[] {
  const sections: { line: number; words: readonly string[]; statements: Statement[] }[] = [];
  for (const [index, content] of text.split('\n').entries()) {
    const words = wordsOf(content);
    const line = index + 1;
    if (words.length === 0) continue;
    if (SECTIONS.has(words[0]!) || sections.length === 0) {
      const isHead = SECTIONS.has(words[0]!);
      sections.push({ line, words: isHead ? words : [], statements: isHead ? [] : [{ line, words }] });
    } else sections.at(-1)!.statements.push({ line, words });
  }
  return sections;
}

/** The statement as text. */
export function statementText({ words }: Statement): string {
  return words.join(' ');
}

function wordsOf(content: string): string[] {
  return [...content.matchAll(WORD)]
    .map(([word]) => word)
    .filter((word) => !word.startsWith('#'))
    .map((word) => word.replace(/"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/g, (_, a, b, c) => unescaped(a) ?? b ?? c));
}

function unescaped(text: string | undefined): string | undefined {
  return text?.replace(/\\(.)/g, '$1');
}
