import { SchemaError } from '../errors.js';
import { PAYLOAD_DEPTH_MAX, PAYLOAD_ITEMS_MAX } from '../limits.js';

/**
 * Counts nesting and items while a scanner walks an encoded payload from front to back. A scanner visits each byte once
 * at most, allocates nothing per item, and so bounds what a decoder can be made to do.
 */
export class Nesting {
  // Items that are missing at each level; for a map, keys and values count apart.
  readonly #missing = new Float64Array(PAYLOAD_DEPTH_MAX + 1);
  readonly #isMap = new Uint8Array(PAYLOAD_DEPTH_MAX + 1);
  #depth = 0;
  #items = 0;
  #pairs = 0;

  constructor() {
    this.#missing[0] = 1;
  }

  /** Whether the whole payload has been seen. */
  get complete(): boolean {
    return this.#depth === 0 && this.#missing[0] === 0;
  }

  /** Pairs of all maps. */
  get pairs(): number {
    return this.#pairs;
  }

  /** Whether the next item is the key of a map. */
  get expectsKey(): boolean {
    return this.#isMap[this.#depth] === 1 && this.#missing[this.#depth]! % 2 === 0;
  }

  /** A value without content of its own. */
  leaf(): void {
    this.#count();
    this.#ascend();
  }

  /** An array or map with `items` items inside; a map's pairs are two each. */
  open(items: number, isMap: boolean): void {
    this.#count();
    if (isMap) this.#pairs += items / 2;
    if (this.#depth === PAYLOAD_DEPTH_MAX) {
      throw new SchemaError('TOO_DEEP', 'payload', `nested ${PAYLOAD_DEPTH_MAX + 1} deep`, nestingExpected);
    }
    this.#depth++;
    this.#missing[this.#depth] = items;
    this.#isMap[this.#depth] = isMap ? 1 : 0;
    this.#ascend();
  }

  #count(): void {
    this.#missing[this.#depth]!--;
    if (++this.#items > PAYLOAD_ITEMS_MAX) {
      throw new SchemaError('TOO_MANY', 'payload', `more than ${PAYLOAD_ITEMS_MAX} items`, itemsExpected);
    }
  }

  #ascend(): void {
    while (this.#depth > 0 && this.#missing[this.#depth] === 0) this.#depth--;
  }
}

export const nestingExpected = `nesting of at most ${PAYLOAD_DEPTH_MAX}`;
export const itemsExpected = `at most ${PAYLOAD_ITEMS_MAX} items`;

/** The error for bytes that are not the content format, or use a feature of it that payloads do not use. */
export function malformed(format: string, offset: number, what: string, expected: string): SchemaError {
  return new SchemaError('MALFORMED', 'payload', `${what} at byte ${offset}`, `${format} with ${expected}`);
}
