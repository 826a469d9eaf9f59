/**
 * A deterministic stream of random numbers (sfc32, a public-domain generator of PractRand with 128 bits of state).
 *
 * Not for secrets. The same seed and label give the same numbers on every machine.
 */
export class RandomStream {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** `seed`: any safe integer. `label` makes independent streams out of one seed. */
  constructor(seed: number, label = '') {
    const text = `${seed}/${label}`;
    this.#a = hash32(text, 0x9e3779b9);
    this.#b = hash32(text, 0x85ebca6b);
    this.#c = hash32(text, 0xc2b2ae35);
    for (let round = 0; round < 12; round += 1) this.#next32();
  }

  /** A number in [0, 1), with 32 bits. */
  next(): number {
    return this.#next32() / 0x1_0000_0000;
  }

  /** An integer in [0, bound). */
  integer(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  /** A number in [low, high). */
  between(low: number, high: number): number {
    return low + this.next() * (high - low);
  }

  /** True with the given probability; draws a number only if the outcome is open. */
  chance(probability: number): boolean {
    if (probability <= 0) return false;
    return probability >= 1 || this.next() < probability;
  }

  /** One of the items, which must not be empty. */
  pick<Item>(items: readonly Item[]): Item {
    if (items.length === 0) throw new RangeError('pick needs at least one item');
    return items[this.integer(items.length)]!;
  }

  #next32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return sum >>> 0;
  }
}

/** FNV-1a over the text's code units, with a finaliser so that near texts give far states. */
function hash32(text: string, basis: number): number {
  let hash = basis | 0;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
  return hash ^ (hash >>> 16);
}
