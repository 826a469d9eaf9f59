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
  /** IDs below the highest that have not been seen: ranges, ascending, so that a jump costs one however far it goes. */
  readonly #missing: Range[] = [];
  #missingCount = 0;
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
    if (id < this.#next) return this.#fill(id) ? null : 'duplicate';
    const first = Math.max(this.#next, id - 2 * this.#missingMax);
    if (first < id) {
      this.#missing.push({ first, last: id - 2 });
      this.#missingCount += (id - first) / 2;
    }
    this.#next = id + 2;
    this.#forgetOldest();
    return null;
  }

  /** Whether a request with this ID may still arrive. */
  mayArrive(id: RequestId): boolean {
    return id % 2 === this.#parity && (id >= this.#next || this.#rangeOf(id) >= 0);
  }

  // Takes an ID out of its range, which may leave two.
  #fill(id: RequestId): boolean {
    const index = this.#rangeOf(id);
    if (index < 0) return false;
    const { first, last } = this.#missing[index]!;
    const left: Range[] = [];
    if (first < id) left.push({ first, last: id - 2 });
    if (id < last) left.push({ first: id + 2, last });
    this.#missing.splice(index, 1, ...left);
    this.#missingCount--;
    return true;
  }

  #forgetOldest(): void {
    while (this.#missingCount > this.#missingMax) {
      const oldest = this.#missing[0]!;
      const ids = (oldest.last - oldest.first) / 2 + 1;
      const surplus = Math.min(ids, this.#missingCount - this.#missingMax);
      this.#missingCount -= surplus;
      oldest.first += 2 * surplus;
      if (surplus === ids) this.#missing.shift();
    }
  }

  // Its place, or -1.
  #rangeOf(id: RequestId): number {
    let low = 0;
    let high = this.#missing.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const { first, last } = this.#missing[middle]!;
      if (id < first) high = middle - 1;
      else if (id > last) low = middle + 1;
      else return middle;
    }
    return -1;
  }
}

/** IDs of one parity, both ends included. */
interface Range {
  first: RequestId;
  readonly last: RequestId;
}
