import { copyBytes } from '../wire/copy.js';

/** What a piece costs beyond its bytes, so that many small pieces are not cheap. */
export const HELD_PIECE_OVERHEAD_BYTES = 64;

/** What may be held back in all, over every stream of a session. */
export class ByteBudget {
  readonly #max: number;
  #used = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get used(): number {
    return this.#used;
  }

  /** Takes `bytes` out of the budget; false if there are not so many left. */
  take(bytes: number): boolean {
    if (this.#used + bytes > this.#max) return false;
    this.#used += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }

  /** Everything that was held is gone. */
  clear(): void {
    this.#used = 0;
  }
}

/** Bytes of one stream that can't be read yet, copied and counted against a budget. */
export class HeldBytes {
  readonly #budget: ByteBudget;
  #pieces: Uint8Array[] = [];
  #charged = 0;
  /** The stream ended behind these bytes. */
  fin = false;

  constructor(budget: ByteBudget) {
    this.#budget = budget;
  }

  /** Keeps a copy; false if the budget does not allow it. */
  push(bytes: Uint8Array, fin: boolean): boolean {
    this.fin ||= fin;
    if (bytes.length === 0) return true;
    const cost = bytes.length + HELD_PIECE_OVERHEAD_BYTES;
    if (!this.#budget.take(cost)) return false;
    this.#charged += cost;
    this.#pieces.push(copyBytes(bytes, 0, bytes.length));
    return true;
  }

  /** Hands out all pieces and gives their cost back to the budget. */
  drain(): Uint8Array[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#budget.give(this.#charged);
    this.#charged = 0;
    return pieces;
  }

  /** Drains into a handler's `data`; the end of the stream follows the last piece. */
  replay(data: (bytes: Uint8Array, fin: boolean) => void): void {
    const pieces = this.drain();
    if (pieces.length === 0 && this.fin) data(NO_BYTES, true);
    for (let i = 0; i < pieces.length; i++) data(pieces[i]!, this.fin && i === pieces.length - 1);
  }
}

const NO_BYTES = new Uint8Array(0);
