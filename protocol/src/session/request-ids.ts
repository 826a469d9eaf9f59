import type { RequestId } from './contract.js';

/** Why a Request ID of the peer's is refused (draft-18 §10.1). */
export type RequestIdFault = 'parity' | 'duplicate' | 'range';

/**
 * The Request IDs that the peer has used (draft-18 §10.1). Requests travel on streams of their own and may overtake
 * each other, so an ID below the highest is new as long as it has not been seen.
 */
export class PeerRequestIds {
  readonly #parity: number;
  readonly #missingMax: number;
  readonly #missing = new Set<RequestId>();
  #next: RequestId;

  /** `missingMax`: IDs below the highest that may still come; older ones count as used, which bounds the memory. */
  constructor(parity: 0 | 1, missingMax: number) {
    this.#parity = parity;
    this.#next = parity;
    this.#missingMax = missingMax;
  }

  /** The smallest ID above all that have been seen. */
  get next(): RequestId {
    return this.#next;
  }

  /** Records the ID of a request that has arrived; says what is wrong with it, or null. */
  take(id: number | bigint): RequestIdFault | null {
    if (typeof id !== 'number' || id > Number.MAX_SAFE_INTEGER - 2) return 'range';
    if (id % 2 !== this.#parity) return 'parity';
    if (id < this.#next) return this.#missing.delete(id) ? null : 'duplicate';
    const from = Math.max(this.#next, id - 2 * this.#missingMax);
    for (let missing = from; missing < id; missing += 2) this.#missing.add(missing);
    this.#next = id + 2;
    this.#forgetOldest();
    return null;
  }

  /** Whether a request with this ID may still arrive. */
  mayArrive(id: RequestId): boolean {
    return id % 2 === this.#parity && (id >= this.#next || this.#missing.has(id));
  }

  // A set iterates in the order of insertion, which is the order of the IDs.
  #forgetOldest(): void {
    for (const id of this.#missing) {
      if (this.#missing.size <= this.#missingMax) return;
      this.#missing.delete(id);
    }
  }
}
