/** What is wrong with a value that a pool's configuration or a caller's input holds. */
export type BalancingErrorCode =
  | 'TABLE_SIZE'
  | 'SEED'
  | 'WEIGHT'
  | 'NAME'
  | 'DUPLICATE'
  | 'TOO_MANY'
  | 'ADDRESS'
  | 'PORT'
  | 'KEY'
  | 'RANGE';

const SHOWN_CHARACTERS_MAX = 64;

/** An input that can't be balanced; the receiver refuses the configuration and shows the message to whoever wrote it. */
export class BalancingError extends Error {
  override readonly name = 'BalancingError';
  readonly code: BalancingErrorCode;
  /** The field that holds the value, for instance `weight`. */
  readonly field: string;
  /** The offending value as text, shortened to 64 characters. */
  readonly value: string;
  readonly expected: string;

  constructor(code: BalancingErrorCode, field: string, value: string | number, expected: string) {
    const shown = shorten(String(value));
    super(`${field} "${shown}" is refused, expected ${expected}`);
    this.code = code;
    this.field = field;
    this.value = shown;
    this.expected = expected;
  }
}

function shorten(text: string): string {
  return text.length <= SHOWN_CHARACTERS_MAX ? text : `${text.slice(0, SHOWN_CHARACTERS_MAX - 1)}…`;
}
