import { protocolViolation } from '../errors.js';
import { REASON_PHRASE_BYTES_MAX } from '../limits.js';
import type { Reader } from './reader.js';
import type { Writer } from './writer.js';

const encoder = new TextEncoder();
const lenient = new TextDecoder('utf-8', { ignoreBOM: true });
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The UTF-8 bytes of `text`; lone surrogates become U+FFFD. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Text that only people read: what is not UTF-8 becomes U+FFFD. */
export function textForPeople(bytes: Uint8Array): string {
  return lenient.decode(bytes);
}

/** Text that programs act on; throws PROTOCOL_VIOLATION unless it is UTF-8. */
export function exactText(bytes: Uint8Array, what: string): string {
  try {
    return strict.decode(bytes);
  } catch {
    throw protocolViolation(`${what} is not UTF-8`);
  }
}

/** Reads a Reason Phrase (draft-18 §1.4.4). */
export function readReasonPhrase(reader: Reader): string {
  return textForPeople(reader.lengthPrefixed(REASON_PHRASE_BYTES_MAX, 'reason phrase'));
}

/** Writes a Reason Phrase, cut between characters where it is longer than the draft allows. */
export function writeReasonPhrase(writer: Writer, reason: string): void {
  const bytes = utf8(reason);
  if (bytes.length <= REASON_PHRASE_BYTES_MAX) {
    writer.lengthPrefixed(bytes);
    return;
  }
  let end = REASON_PHRASE_BYTES_MAX;
  while ((bytes[end]! & 0xc0) === 0x80) end--;
  writer.lengthPrefixed(bytes.subarray(0, end));
}
