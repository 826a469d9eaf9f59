/** What the table knows of every normative sentence. */
export interface Sentence {
  /** The section of draft-18 that holds it. */
  readonly section: string;
  /** Its key words (RFC 2119), `/` between several. */
  readonly keyword: string;
  /** What it asks for, in our words. */
  readonly says: string;
}

/** A sentence that the code follows. */
export interface Implemented extends Sentence {
  /** `file#symbol`, from the root of the workspace; the first one is where `broken` applies. */
  readonly code: readonly [string, ...string[]];
  /** `file › part of the title`; a file alone stands for the tests in it whose titles hold the row's id. */
  readonly tests: readonly string[];
  /** A change of the first file that the tests have to notice: text that stands there once, and what takes its place. */
  readonly broken: readonly [find: string, replacement: string];
}

/** A sentence about something that there is not here, or about someone else. */
export interface NotApplicable extends Sentence {
  readonly notApplicable: string;
}

/** A recommendation that is deliberately not followed; there is none for a MUST. */
export interface NotFollowed extends Sentence {
  readonly notFollowed: string;
}

/** A sentence that still has to be followed. */
export interface Missing extends Sentence {
  readonly missing: string;
}

/** One row of the table. */
export type Row = Implemented | NotApplicable | NotFollowed | Missing;

/** Rows by id, `N001` to `N343`, in the order of the draft. */
export type Rows = Readonly<Record<string, Row>>;

/** Which of the four a row is. */
export type RowState = 'implemented' | 'not applicable' | 'not followed' | 'missing';

/** The state that a row states of itself. */
export function stateOf(row: Row): RowState {
  if ('code' in row) return 'implemented';
  if ('notApplicable' in row) return 'not applicable';
  return 'notFollowed' in row ? 'not followed' : 'missing';
}

/** Whether a row has code and tests. */
export function isImplemented(row: Row): row is Implemented {
  return 'code' in row;
}

/** The two parts of an entry of `code`. */
export function codePlace(entry: string): { readonly file: string; readonly symbol: string } {
  const [file = '', symbol = ''] = entry.split('#');
  return { file, symbol };
}

/** The two parts of an entry of `tests`; without a title it is the row's id. */
export function testPlace(id: string, entry: string): { readonly file: string; readonly title: string } {
  const [file = '', title = id] = entry.split(' › ');
  return { file, title };
}
