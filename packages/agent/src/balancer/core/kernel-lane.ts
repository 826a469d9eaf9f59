import type { BalancerAction } from './actions.js';
import { COUNT_INTERVAL_MS, VERIFY_INTERVAL_MS } from './limits.js';
import { earlier, type Now } from './now.js';
import { Programmer } from './programmer.js';

type KernelAction = Extract<BalancerAction, { kind: 'program' | 'verify' | 'count' | 'flush' }>;

/** What the kernel is asked for, one thing at a time: programs before everything, then counters, then verifications. */
export class KernelLane {
  readonly programmer: Programmer;
  #task: KernelAction['kind'] | null = null;
  #flushed: boolean;
  #flushWanted = false;
  #countBootMs: number;
  #verifyBootMs: number;
  #verifiedWallMs: number | null = null;
  /** As last read back; null: nothing was. */
  #intact: boolean | null = null;

  /** `flushed`: the kernel was emptied in an earlier life, and is to stay so. */
  constructor(random: () => number, flushed: boolean, now: Now) {
    this.programmer = new Programmer(random);
    this.#flushed = flushed;
    this.#countBootMs = now.bootMs;
    this.#verifyBootMs = now.bootMs;
  }

  /** Whether the operator removed everything from the kernel. */
  get isFlushed(): boolean {
    return this.#flushed;
  }

  /** When the kernel was last looked at. */
  get verifiedWallMs(): number | null {
    return this.#verifiedWallMs;
  }

  /** Whether the kernel has what is wanted of it, as it was last read back. */
  get isVerified(): boolean {
    return this.isInForce && this.#intact === true && this.programmer.failure === null;
  }

  /** Whether something of ours is in the kernel. */
  get isInForce(): boolean {
    return this.programmer.applied !== null && !this.#flushed;
  }

  /** Has the kernel emptied, and kept so until `resume`. */
  flush(): void {
    this.#flushed = true;
    this.#flushWanted = true;
    this.#intact = null;
    this.programmer.forget();
  }

  /** Ends what `flush` began. */
  resume(): void {
    this.#flushed = false;
    this.#flushWanted = false;
  }

  /** What was given last is done. */
  done(now: Now): void {
    // What was programmed is read back at once, and from then on now and then.
    if (this.#task === 'program') this.#verifyBootMs = now.bootMs;
    if (this.#task === 'verify') this.#verifyBootMs = now.bootMs + VERIFY_INTERVAL_MS;
    this.#task = null;
  }

  /** What was read back is as it should be, or is not. Whether that is another finding than the last one. */
  verified(intact: boolean, now: Now): boolean {
    const turned = this.#intact !== intact;
    this.#verifiedWallMs = Math.round(now.wallMs);
    this.#intact = intact;
    return turned;
  }

  next(now: Now): KernelAction | null {
    if (this.#task !== null) return null;
    const action = this.#choose(now);
    this.#task = action?.kind ?? null;
    return action;
  }

  /** When `next` has something, if nothing happens before. */
  nextBootMs(): number | null {
    if (this.#task !== null) return null;
    const looks = this.isInForce ? Math.min(this.#verifyBootMs, this.#countBootMs) : null;
    return earlier(this.programmer.nextBootMs(), looks);
  }

  #choose(now: Now): KernelAction | null {
    if (this.#flushWanted) {
      this.#flushWanted = false;
      return { kind: 'flush' };
    }
    if (this.#flushed) return null;
    const program = this.programmer.take(now);
    if (program !== null) return { kind: 'program', program };
    if (!this.isInForce) return null;
    if (this.#countBootMs <= now.bootMs) {
      this.#countBootMs = now.bootMs + COUNT_INTERVAL_MS;
      return { kind: 'count' };
    }
    return this.#verifyBootMs <= now.bootMs ? { kind: 'verify' } : null;
  }
}
