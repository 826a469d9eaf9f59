import { SessionError, SessionTerminationCode } from '@higgins/protocol';
import type { Random } from './random.js';

/** An oracle's judgement: the input and what is wrong with what it caused. */
export class Finding extends Error {
  override readonly name = 'Finding';
  /** The input in a form that a file can keep. */
  readonly input: unknown;

  constructor(message: string, input: unknown, options?: ErrorOptions) {
    super(message, options);
    this.input = input;
  }

  /** The same for findings of one cause, as far as their text tells. */
  get signature(): string {
    return this.message.replace(/\d+n?/g, '#').slice(0, 160);
  }
}

const CODES = new Set<number>(Object.values(SessionTerminationCode));

/** Whether a session may end with this code because of what a peer sent: one that the draft names, and no fault of ours. */
export function isPeersFault(code: number): boolean {
  return CODES.has(code) && code !== SessionTerminationCode.INTERNAL_ERROR && code !== SessionTerminationCode.NO_ERROR;
}

/** Faults that have a code of their own, by our words for them (draft-18 §3.5 and where each is named). */
const CODES_OF_FAULTS: readonly (readonly [fault: RegExp, code: number])[] = [
  [/^key-value pair at byte \d+ runs past/, SessionTerminationCode.KEY_VALUE_FORMATTING_ERROR],
  [/^authorization token cannot be decoded/, SessionTerminationCode.KEY_VALUE_FORMATTING_ERROR],
  [/^authorization token alias \d+ is not registered/, SessionTerminationCode.UNKNOWN_AUTH_TOKEN_ALIAS],
  [/^authorization token alias \d+ is registered already/, SessionTerminationCode.DUPLICATE_AUTH_TOKEN_ALIAS],
  [/^authorization tokens pass/, SessionTerminationCode.AUTH_TOKEN_CACHE_OVERFLOW],
  [/^path option is not a path/, SessionTerminationCode.MALFORMED_PATH],
  [/^path option (from|over)/, SessionTerminationCode.INVALID_PATH],
  [/^authority option is not an authority/, SessionTerminationCode.MALFORMED_AUTHORITY],
  [/^authority option (from|over)/, SessionTerminationCode.INVALID_AUTHORITY],
  [/^(request id \d+ of|GOAWAY names request id)/, SessionTerminationCode.INVALID_REQUEST_ID],
  [/^track alias \d+ stands for/, SessionTerminationCode.DUPLICATE_TRACK_ALIAS],
  [/^SETUP of the peer has not come/, SessionTerminationCode.CONTROL_MESSAGE_TIMEOUT],
];

/** The code that the draft names for a fault; PROTOCOL_VIOLATION for those that have none of their own. */
export function codeOf(fault: string): number {
  const found = CODES_OF_FAULTS.find(([pattern]) => pattern.test(fault));
  return found?.[1] ?? SessionTerminationCode.PROTOCOL_VIOLATION;
}

/** Whether a decoder may throw it. */
export function isOrderly(error: unknown): error is Error & { readonly code: number } {
  if (error instanceof SessionError) return isPeersFault(error.code) && error.code === codeOf(error.message);
  return error instanceof Error && (error.name === 'StreamError' || error.name === 'MalformedTrackError');
}

/** What an input did. */
export interface Outcome {
  readonly bytes: number;
  /** Whether the first message, or its counterpart in the input's format, was taken. */
  readonly passedFirst: boolean;
}

/** One thing to fuzz. */
export interface Target {
  readonly name: string;
  /** Draws an input and judges it; throws Finding. */
  fuzz(random: Random): Outcome;
  /** Judges a kept input; throws Finding. */
  replay(input: unknown): Outcome;
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

export function unhex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}
