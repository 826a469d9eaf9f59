/** The streams of one kind that we may open: what the peer has granted. */
export class StreamAllowance {
  #opened = 0;
  #limit: number;
  /** `open` failed since the last rise: the owner waits for credit. */
  wanted = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get available(): boolean {
    return this.#opened < this.#limit;
  }

  /** The number of the next stream of this kind, or null if there is no credit. */
  take(): number | null {
    if (this.#opened >= this.#limit) return null;
    this.#opened += 1;
    return this.#opened - 1;
  }

  /** Takes note of the peer's limit; returns whether an owner that waited can open now. */
  raise(limit: number): boolean {
    if (limit <= this.#limit) return false;
    this.#limit = limit;
    const waited = this.wanted;
    this.wanted = false;
    return waited;
  }
}

/**
 * The streams of one kind that the peer may open: so many at once, doubled up to the ceiling when the peer comes near
 * the limit, and one more for each that has ended.
 */
export class StreamGrant {
  readonly #concurrentMax: number;
  #concurrent: number;
  #opened = 0;
  #ended = 0;
  #told: number;
  #peerBlocked = false;

  constructor(initial: number, max: number) {
    this.#concurrent = Math.min(initial, max);
    this.#concurrentMax = max;
    this.#told = this.#concurrent;
  }

  /** How many streams of this kind the peer may open, all told. */
  get limit(): number {
    return this.#ended + this.#concurrent;
  }

  /** How many the peer has opened: the number of the next one. */
  get opened(): number {
    return this.#opened;
  }

  open(): void {
    this.#opened += 1;
    if (this.#opened - this.#ended >= this.#concurrent * 0.75) this.#grow();
  }

  end(): void {
    this.#ended += 1;
  }

  /** The peer says that it has no credit left. */
  block(): void {
    this.#peerBlocked = true;
    this.#grow();
  }

  /** Whether the peer should be told of the limit though nothing else is to be sent. */
  get worthTelling(): boolean {
    const risen = this.limit - this.#told;
    return risen > 0 && (this.#peerBlocked || risen >= Math.max(1, this.#concurrent >> 2));
  }

  /** The limit, which is now on its way to the peer. */
  tell(): number {
    if (this.limit > this.#told) this.#peerBlocked = false;
    this.#told = this.limit;
    return this.#told;
  }

  #grow(): void {
    this.#concurrent = Math.min(this.#concurrentMax, Math.max(1, this.#concurrent * 2));
  }
}
