import { protocolViolation } from '../errors.js';
import type { Vi64 } from '../model/vi64.js';
import { copyBytes } from './copy.js';
import { readVi64, vi64Length } from './vi64.js';

/**
 * Reads fields in order from bytes that are complete: what runs past `end` is the peer's fault and throws a
 * SessionError with PROTOCOL_VIOLATION. Byte arrays that it returns are copies, owned by the caller.
 */
export class Reader {
  bytes: Uint8Array;
  position: number;
  end: number;

  constructor(bytes: Uint8Array, position = 0, end = bytes.length) {
    this.bytes = bytes;
    this.position = position;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  uint8(): number {
    if (this.position >= this.end) return this.underrun();
    return this.bytes[this.position++]!;
  }

  uint16(): number {
    if (this.position + 2 > this.end) return this.underrun();
    const value = (this.bytes[this.position]! << 8) | this.bytes[this.position + 1]!;
    this.position += 2;
    return value;
  }

  vi64(): Vi64 {
    const start = this.position;
    if (start >= this.end) return this.underrun();
    const length = vi64Length(this.bytes[start]!);
    if (start + length > this.end) return this.underrun();
    this.position = start + length;
    return readVi64(this.bytes, start, length);
  }

  /** A vi64 where everything above 2^53 - 1 means the same: too much. */
  saturated(): number {
    const value = this.vi64();
    return typeof value === 'number' ? value : Number.MAX_SAFE_INTEGER;
  }

  /** A copy of the next `length` bytes. */
  copy(length: number): Uint8Array {
    if (length > this.remaining) {
      this.underrun();
      return new Uint8Array(0);
    }
    const start = this.position;
    this.position = start + length;
    return copyBytes(this.bytes, start, this.position);
  }

  /** A vi64 length of at most `max`, then a copy of so many bytes; `what` names the field in the error. */
  lengthPrefixed(max: number, what: string): Uint8Array {
    const length = this.vi64();
    if (length > max) throw protocolViolation(`${what} has ${length} bytes, expected at most ${max}`);
    return this.copy(Number(length));
  }

  /** Everything up to the end, copied. */
  rest(): Uint8Array {
    return this.copy(this.remaining);
  }

  /** Throws unless everything has been read. */
  finish(what: string): void {
    if (this.position !== this.end) throw protocolViolation(`${what} has ${this.remaining} bytes too many`);
  }

  protected underrun(): number {
    throw protocolViolation(`field at byte ${this.position} runs past the end at ${this.end}`);
  }
}

/**
 * Reads fields from bytes that may still be on their way: instead of throwing it sets `short`, and every later read
 * returns zeros. The caller reads all fields that belong together and then looks at `short` once.
 */
export class PartialReader extends Reader {
  short = false;

  /** Starts anew over other bytes, so that one reader serves for the life of a stream. */
  reset(bytes: Uint8Array, position: number, end: number): void {
    this.bytes = bytes;
    this.position = position;
    this.end = end;
    this.short = false;
  }

  protected override underrun(): number {
    this.short = true;
    this.position = this.end;
    return 0;
  }
}
