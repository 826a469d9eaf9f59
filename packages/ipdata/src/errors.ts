/** What is wrong with an address or prefix. */
export type AddressErrorCode = 'SYNTAX' | 'LENGTH' | 'HOST_BITS' | 'IPV4_MAPPED' | 'FAMILY' | 'DUPLICATE' | 'TOO_MANY';

const SHOWN_CHARACTERS_MAX = 64;

/** The text is not what was expected; the receiver refuses the input and shows the message to whoever wrote it. */
export class AddressError extends Error {
  override readonly name = 'AddressError';
  readonly code: AddressErrorCode;
  /** The offending text, shortened to 64 characters. */
  readonly value: string;
  readonly expected: string;
  /** Position of the text in the list that was parsed, from 0; null if it stood alone. */
  readonly index: number | null;

  constructor(code: AddressErrorCode, value: string, expected: string, index: number | null = null) {
    const shown = shorten(value);
    const place = index === null ? '' : `entry ${index}: `;
    super(`${place}"${shown}" is refused, expected ${expected}`);
    this.code = code;
    this.value = shown;
    this.expected = expected;
    this.index = index;
  }

  /** The same error with its place in a list. */
  at(index: number): AddressError {
    return new AddressError(this.code, this.value, this.expected, index);
  }
}

function shorten(text: string): string {
  return text.length <= SHOWN_CHARACTERS_MAX ? text : `${text.slice(0, SHOWN_CHARACTERS_MAX - 1)}…`;
}
