import { StreamError, StreamResetCode } from '../errors.js';
import type { Vi64 } from '../model/vi64.js';
import { copyBytes } from '../wire/copy.js';
import { PartialReader } from '../wire/reader.js';

const NO_BYTES = new Uint8Array(0);

/** More than the fields of any head need that is read in one go: five integers and two bytes. */
const CARRY_BYTES = 64;

/** What a body is given room for at first, so that a peer must send bytes to make us spend memory. */
const BODY_BYTES_FIRST = 16 * 1024;

/**
 * The bytes of one incoming stream, in whatever pieces they come. Heads of a few fields are read with `fields` and
 * `accept`, bodies of known length with `body`; both are tried again after the next `push`. A body that lies whole in
 * one piece is copied once.
 */
export class StreamInput {
  /** True once the peer has ended the stream. */
  finished = false;
  readonly #reader = new PartialReader(NO_BYTES);
  #chunk: Uint8Array = NO_BYTES;
  #position = 0;
  #carry: Uint8Array = NO_BYTES;
  #carried = 0;
  #body: Uint8Array | null = null;
  #filled = 0;

  /** True once the stream has ended and every byte has been used. */
  get ended(): boolean {
    return this.finished && this.#carried === 0 && this.#body === null && this.#position === this.#chunk.length;
  }

  /** Bytes that are held, whether filled or not. */
  get reservedBytes(): number {
    return this.#carry.length + (this.#body?.length ?? 0);
  }

  /** What the next field or body has cost so far; 0 if nothing has come in part. */
  get pendingBytes(): number {
    return (this.#carried > 0 ? CARRY_BYTES : 0) + (this.#body?.length ?? 0);
  }

  /** `bytes` must stay valid until `accept` or `body` has asked for more; by then everything before is used or copied. */
  push(bytes: Uint8Array, fin: boolean): void {
    if (this.#position < this.#chunk.length) throw new Error('bytes pushed before the last ones were read');
    this.#chunk = bytes;
    this.#position = 0;
    if (fin) this.finished = true;
  }

  /** A reader over what is there, for fields of at most 64 bytes together; `accept` must follow. */
  fields(): PartialReader {
    if (this.#carried === 0) {
      this.#reader.reset(this.#chunk, this.#position, this.#chunk.length);
      return this.#reader;
    }
    const more = Math.min(CARRY_BYTES - this.#carried, this.#chunk.length - this.#position);
    this.#carry.set(this.#chunk.subarray(this.#position, this.#position + more), this.#carried);
    this.#reader.reset(this.#carry, 0, this.#carried + more);
    return this.#reader;
  }

  /** Takes what was read if it was all there, and returns true; else keeps it for the next try. */
  accept(): boolean {
    const reader = this.#reader;
    if (reader.short) {
      this.#keepRest();
      return false;
    }
    this.#position = reader.bytes === this.#carry ? this.#position + reader.position - this.#carried : reader.position;
    this.#carried = 0;
    return true;
  }

  /** The next `length` bytes, owned by the caller, or null until they have come. The same length until then. */
  body(length: number): Uint8Array | null {
    const available = this.#chunk.length - this.#position;
    if (this.#body === null) {
      if (available >= length) return this.#take(length);
      if (available === 0) return null;
      this.#body = new Uint8Array(Math.min(length, Math.max(available, BODY_BYTES_FIRST)));
      this.#filled = 0;
    }
    const part = Math.min(length - this.#filled, available);
    this.#growBody(this.#filled + part, length);
    this.#body.set(this.#chunk.subarray(this.#position, this.#position + part), this.#filled);
    this.#position += part;
    this.#filled += part;
    if (this.#filled < length) return null;
    const whole = this.#body;
    this.#body = null;
    return whole;
  }

  #take(length: number): Uint8Array {
    if (length === 0) return NO_BYTES;
    const start = this.#position;
    this.#position = start + length;
    return copyBytes(this.#chunk, start, this.#position);
  }

  // Doubles, and ends at exactly `length`.
  #growBody(needed: number, length: number): void {
    const body = this.#body;
    if (body === null || needed <= body.length) return;
    const grown = new Uint8Array(Math.min(length, Math.max(needed, body.length * 2)));
    grown.set(body.subarray(0, this.#filled));
    this.#body = grown;
  }

  #keepRest(): void {
    const rest = this.#chunk.length - this.#position;
    if (rest > 0) {
      if (this.#carry.length === 0) this.#carry = new Uint8Array(CARRY_BYTES);
      if (this.#carried === 0) this.#carry.set(this.#chunk.subarray(this.#position), 0);
      this.#carried += rest;
      this.#position = this.#chunk.length;
    }
  }
}

/** A length that a peer announced, as number; throws StreamError with EXCESSIVE_LOAD above `max`. */
export function boundedLength(length: Vi64, max: number, what: string): number {
  if (length <= max) return Number(length);
  const message = `${what} of an object has ${length} bytes, expected at most ${max}`;
  throw new StreamError(StreamResetCode.EXCESSIVE_LOAD, message);
}
