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

/** Whether a decoder may throw it. */
export function isOrderly(error: unknown): error is Error & { readonly code: number } {
  if (error instanceof SessionError) return isPeersFault(error.code);
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
