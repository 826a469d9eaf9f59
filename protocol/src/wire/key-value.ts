import { EncodeError, protocolViolation, SessionError, SessionTerminationCode } from '../errors.js';
import { KEY_VALUE_BYTES_MAX } from '../limits.js';
import { add, subtract, VI64_MAX, type Vi64 } from '../model/vi64.js';
import { copyBytes } from './copy.js';
import { PartialReader } from './reader.js';
import type { Writer } from './writer.js';

/** A Key-Value-Pair (draft-18 §1.4.3): an even type has an integer, an odd one a byte string of at most 65,535 bytes. */
export interface KeyValuePair {
  readonly type: Vi64;
  readonly value: Vi64 | Uint8Array;
}

/** Whether pairs of this type carry a byte string. */
export function carriesBytes(type: Vi64): boolean {
  return typeof type === 'number' ? type % 2 === 1 : (type & 1n) === 1n;
}

/** Adds a delta to a type; throws PROTOCOL_VIOLATION if the result passes 2^64 - 1 (draft-18 §1.4.3, §10.2). */
export function nextType(previous: Vi64, delta: Vi64): Vi64 {
  const type = add(previous, delta);
  if (type > VI64_MAX) throw protocolViolation(`type ${type} is above 2^64 - 1`);
  return type;
}

/**
 * Reads pairs until the bytes end. Values are copies. Throws PROTOCOL_VIOLATION where the draft names it, and
 * KEY_VALUE_FORMATTING_ERROR where a pair runs past the end.
 */
export function readKeyValuePairs(bytes: Uint8Array, position = 0, end = bytes.length): KeyValuePair[] {
  const walker = new KeyValueWalker(bytes, position, end);
  const pairs: KeyValuePair[] = [];
  while (walker.next()) {
    const value = walker.integer ?? copyBytes(bytes, walker.valueStart, walker.valueEnd);
    pairs.push({ type: walker.type, value });
  }
  if (walker.truncated) throw truncatedPair(walker.pairStart);
  return pairs;
}

/** Writes pairs, sorted by type, those of one type in the order given; throws EncodeError on a value that does not fit. */
export function writeKeyValuePairs(writer: Writer, pairs: readonly KeyValuePair[]): void {
  let previous: Vi64 = 0;
  for (const { type, value } of inOrder(pairs)) {
    if (type > VI64_MAX) throw new EncodeError(`pair of type ${type} is above 2^64 - 1`);
    writer.vi64(subtract(type, previous));
    previous = type;
    if (typeof value !== 'object') {
      if (carriesBytes(type)) throw new EncodeError(`pair of odd type ${type} has an integer, expected bytes`);
      writer.vi64(value);
      continue;
    }
    if (!carriesBytes(type)) throw new EncodeError(`pair of even type ${type} has bytes, expected an integer`);
    if (value.length > KEY_VALUE_BYTES_MAX) {
      throw new EncodeError(`pair of type ${type} has ${value.length} bytes, expected at most ${KEY_VALUE_BYTES_MAX}`);
    }
    writer.lengthPrefixed(value);
  }
}

/** The error for a pair that runs past the end of its sequence. */
export function truncatedPair(position: number): SessionError {
  const message = `key-value pair at byte ${position} runs past the end`;
  return new SessionError(SessionTerminationCode.KEY_VALUE_FORMATTING_ERROR, message);
}

/** Walks over encoded pairs without making an object for each. Nothing is copied. */
export class KeyValueWalker {
  /** The type of the pair that `next` found. */
  type: Vi64 = 0;
  /** Its value if the type is even, else null. */
  integer: Vi64 | null = null;
  /** Where the pair, and the value's bytes (without length), start and end. */
  pairStart = 0;
  valueStart = 0;
  valueEnd = 0;
  readonly #reader = new PartialReader(NO_BYTES);

  constructor(bytes: Uint8Array, position = 0, end = bytes.length) {
    this.reset(bytes, position, end);
  }

  reset(bytes: Uint8Array, position: number, end: number): void {
    this.#reader.reset(bytes, position, end);
    this.type = 0;
  }

  /** True after `next` returned false because a pair is not complete. */
  get truncated(): boolean {
    return this.#reader.short;
  }

  /** Goes to the next pair; false at the end, or where a pair is not complete. Throws PROTOCOL_VIOLATION. */
  next(): boolean {
    const reader = this.#reader;
    if (reader.remaining === 0) return false;
    this.pairStart = reader.position;
    const delta = reader.vi64();
    if (reader.short) return false;
    this.type = nextType(this.type, delta);
    this.valueStart = reader.position;
    if (!carriesBytes(this.type)) {
      this.integer = reader.vi64();
      this.valueEnd = reader.position;
      return !reader.short;
    }
    this.integer = null;
    return this.#skipBytes(reader.vi64());
  }

  #skipBytes(length: Vi64): boolean {
    const reader = this.#reader;
    if (length > KEY_VALUE_BYTES_MAX) {
      throw protocolViolation(`pair of type ${this.type} has ${length} bytes, expected at most ${KEY_VALUE_BYTES_MAX}`);
    }
    if (reader.short || reader.remaining < Number(length)) {
      reader.short = true;
      return false;
    }
    this.valueStart = reader.position;
    this.valueEnd = reader.position + Number(length);
    reader.position = this.valueEnd;
    return true;
  }
}

const NO_BYTES = new Uint8Array(0);

function inOrder(pairs: readonly KeyValuePair[]): readonly KeyValuePair[] {
  const sorted = pairs.every((pair, i) => i === 0 || pairs[i - 1]!.type <= pair.type);
  return sorted ? pairs : [...pairs].sort((a, b) => (a.type === b.type ? 0 : a.type < b.type ? -1 : 1));
}
