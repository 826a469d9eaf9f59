/** How far back the smallest difference of receipt and publish time is looked for. */
export const DELAY_WINDOW_MS = 10 * 60 * 1000;

/** The window moves in steps of this size: 20 numbers per writer and epoch. */
const BUCKET_MS = 30_000;
const BUCKET_COUNT = DELAY_WINDOW_MS / BUCKET_MS;

/** Writers and epochs whose delay is tracked: about 300 bytes each; the one unused for longest makes room. */
export const DELAY_ORIGINS_MAX = 4096;

/** What is known of one object when it arrives. */
export interface Receipt {
  /** The writer's id, or anything else that is equal for objects of one writer. */
  readonly writer: string;
  readonly epoch: number;
  readonly receiptBootMs: number;
  /** The object's publish time on its writer's clock; null if it carries none. */
  readonly publishMs: number | null;
  /** How long relays held the object, all told. */
  readonly ageMs: number;
  readonly ttlMs: number;
}

/**
 * Computes until when a value may be enforced: `receipt + TTL - max(age, excess)` on the boot clock.
 *
 * `age` is what relays measured. `excess` catches the stalls that no relay saw: how much longer this object took than
 * the fastest one of the same writer and epoch in the last ten minutes, whose own age does not count. Only differences of one pair of clocks are
 * compared, so a wrong wall clock at either end does not lengthen a TTL; the error is at most the fastest one-way delay.
 */
export class DeadlineRule {
  readonly #floors = new Map<string, DelayFloor>();
  readonly #onFaster: (writer: string, epoch: number) => void;

  /**
   * `onFaster`: an object of that writer and epoch came faster than all before in the window, so that what is held of
   * it was late by more than was known: `reconsider` it.
   */
  constructor(onFaster: (writer: string, epoch: number) => void = () => undefined) {
    this.#onFaster = onFaster;
  }

  /** Takes the object as a sample and returns its deadline in `bootMs`; in the past if it is expired on arrival. */
  deadlineBootMs(receipt: Receipt): number {
    const { writer, epoch, receiptBootMs, publishMs, ageMs } = receipt;
    // What relays counted is no delivery time: without it an object from a cache tells how fast the network is.
    if (publishMs !== null) this.sample(writer, epoch, receiptBootMs, publishMs, ageMs);
    return this.reconsider(receipt);
  }

  /** The deadline of an object that was taken before, by what is known now. */
  reconsider(receipt: Receipt): number {
    const lostMs = Math.max(receipt.ageMs, this.#excessMs(receipt), 0);
    return receipt.receiptBootMs + receipt.ttlMs - lostMs;
  }

  /** Takes a publish time that came without a value, such as a writer's heartbeat, as a sample. */
  sample(writer: string, epoch: number, receiptBootMs: number, publishMs: number, ageMs = 0): void {
    const floor = this.#floor(writer, epoch);
    const before = floor.minimumMs;
    floor.add(receiptBootMs, receiptBootMs - ageMs - publishMs);
    if (floor.minimumMs < before && before !== Number.POSITIVE_INFINITY) this.#onFaster(writer, epoch);
  }

  #excessMs({ writer, epoch, receiptBootMs, publishMs }: Receipt): number {
    if (publishMs === null) return 0;
    return receiptBootMs - publishMs - this.#floor(writer, epoch).minimumMs;
  }

  #floor(writer: string, epoch: number): DelayFloor {
    const key = `${epoch} ${writer}`;
    let floor = this.#floors.get(key);
    if (floor === undefined) {
      floor = new DelayFloor();
      if (this.#floors.size >= DELAY_ORIGINS_MAX) this.#evict();
    } else {
      this.#floors.delete(key);
    }
    // Map order is order of use: the first one is the one unused for longest.
    this.#floors.set(key, floor);
    return floor;
  }

  #evict(): void {
    for (const oldest of this.#floors.keys()) {
      this.#floors.delete(oldest);
      return;
    }
  }
}

/** The smallest difference within the window. */
class DelayFloor {
  readonly #minima = new Float64Array(BUCKET_COUNT).fill(Number.POSITIVE_INFINITY);
  #bucket = Number.NEGATIVE_INFINITY;
  /** The smallest sample of the window as of the last one; infinite before the first. */
  minimumMs = Number.POSITIVE_INFINITY;

  add(bootMs: number, differenceMs: number): void {
    this.#advance(Math.floor(bootMs / BUCKET_MS));
    const slot = this.#bucket % BUCKET_COUNT;
    this.#minima[slot] = Math.min(this.#minima[slot] ?? Number.POSITIVE_INFINITY, differenceMs);
    this.minimumMs = Math.min(...this.#minima);
  }

  #advance(bucket: number): void {
    if (bucket <= this.#bucket) return;
    const steps = Math.min(bucket - this.#bucket, BUCKET_COUNT);
    for (let step = 0; step < steps; step++) this.#minima[(bucket - step) % BUCKET_COUNT] = Number.POSITIVE_INFINITY;
    this.#bucket = bucket;
  }
}
