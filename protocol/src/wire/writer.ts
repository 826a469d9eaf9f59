import type { Vi64 } from '../model/vi64.js';
import { VI64_BYTES_MAX, writeVi64 } from './vi64.js';

/** Writes fields in order into a buffer that grows and is used again after `finish`. */
export class Writer {
  #bytes: Uint8Array;
  #position = 0;

  /** `bytes`: room at the start; the buffer doubles as needed. */
  constructor(bytes = 256) {
    this.#bytes = new Uint8Array(bytes);
  }

  get position(): number {
    return this.#position;
  }

  uint8(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#position++] = value;
  }

  uint16(value: number): void {
    this.#reserve(2);
    this.#bytes[this.#position++] = value >>> 8;
    this.#bytes[this.#position++] = value & 0xff;
  }

  /** Throws EncodeError if `value` is no unsigned integer of 64 bits. */
  vi64(value: Vi64): void {
    this.#reserve(VI64_BYTES_MAX);
    this.#position = writeVi64(this.#bytes, this.#position, value);
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#position);
    this.#position += value.length;
  }

  /** The length as vi64, then the bytes. */
  lengthPrefixed(value: Uint8Array): void {
    this.vi64(value.length);
    this.bytes(value);
  }

  /** Overwrites two bytes that were written before, for lengths that are known late. */
  patchUint16(position: number, value: number): void {
    this.#bytes[position] = value >>> 8;
    this.#bytes[position + 1] = value & 0xff;
  }

  /** A copy of what was written, owned by the caller; the writer is empty afterwards. */
  finish(): Uint8Array {
    const written = this.#bytes.slice(0, this.#position);
    this.#position = 0;
    return written;
  }

  /** Forgets what was written. */
  clear(): void {
    this.#position = 0;
  }

  #reserve(length: number): void {
    const needed = this.#position + length;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#position));
    this.#bytes = grown;
  }
}
