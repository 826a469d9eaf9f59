const float = new Float64Array(1);
const words = new Uint32Array(float.buffer);

/**
 * A running 64-bit hash of everything that is told to it, in order (two FNV-like lanes with different multipliers).
 *
 * Two runs with the same hash have executed the same steps; it is no protection against forgery.
 */
export class TraceHash {
  #left = 0x811c9dc5 | 0;
  #right = 0xcbf29ce4 | 0;

  /** Adds a number, with all of its 64 bits. */
  number(value: number): void {
    float[0] = value;
    this.#mix(words[0]!);
    this.#mix(words[1]!);
  }

  /** Adds a text, with its length. */
  text(value: string): void {
    this.#mix(value.length);
    for (let index = 0; index < value.length; index += 1) this.#mix(value.charCodeAt(index));
  }

  /** Adds bytes, with their length. */
  bytes(value: Uint8Array): void {
    this.#mix(value.length);
    for (let index = 0; index < value.length; index += 1) this.#mix(value[index]!);
  }

  /** 16 hexadecimal digits. */
  digest(): string {
    return hex(this.#left) + hex(this.#right);
  }

  #mix(word: number): void {
    const left = Math.imul(this.#left ^ word, 0x01000193);
    const right = Math.imul(this.#right ^ word, 0x5bd1e995);
    this.#left = left ^ (left >>> 15);
    this.#right = right ^ (right >>> 13) ^ this.#left;
  }
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
