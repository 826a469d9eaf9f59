import type { DesiredBalancer } from '../../targets/maglev/model.js';
import { PROGRAM_RETRY_MS, PROGRAM_RETRY_MS_MAX } from './limits.js';
import type { Now } from './now.js';

/** A desired state on its way to the kernel. */
export interface Program {
  /** Rises with every desired state. */
  readonly number: number;
  readonly desired: DesiredBalancer;
  /** When what it carries out was decided: the oldest change that the kernel did not have before. */
  readonly decidedBootMs: number;
}

/** One desired state in flight and the newest pending; what is refused is tried again after a pause. */
export class Programmer {
  #number = 0;
  #pending: Program | null = null;
  #inFlight: Program | null = null;
  #applied: Program | null = null;
  #appliedWallMs: number | null = null;
  #failure: { readonly reason: string; readonly atWallMs: number } | null = null;
  #retryBootMs: number | null = null;
  #retryMs = PROGRAM_RETRY_MS;
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Number of the newest desired state. */
  get number(): number {
    return this.#number;
  }

  get inFlight(): Program | null {
    return this.#inFlight;
  }

  get applied(): Program | null {
    return this.#applied;
  }

  get appliedWallMs(): number | null {
    return this.#appliedWallMs;
  }

  get failure(): { readonly reason: string; readonly atWallMs: number } | null {
    return this.#failure;
  }

  /** Whether everything that is wanted is in force. */
  get settled(): boolean {
    return this.#pending === null && this.#inFlight === null;
  }

  /** Takes the place of what is pending. A change is new: it does not wait for the pause after a refusal. */
  want(desired: DesiredBalancer, now: Now): Program {
    const decidedBootMs = this.#pending?.decidedBootMs ?? now.bootMs;
    this.#pending = { number: ++this.#number, desired, decidedBootMs };
    this.#retryBootMs = null;
    return this.#pending;
  }

  /** What is to be programmed now, if the kernel is free; it then is in flight. */
  take(now: Now): Program | null {
    if (this.#inFlight !== null || this.#pending === null) return null;
    if (this.#retryBootMs !== null && this.#retryBootMs > now.bootMs) return null;
    this.#inFlight = this.#pending;
    this.#pending = null;
    this.#retryBootMs = null;
    return this.#inFlight;
  }

  /** The kernel has it. Whether that ends a failure. */
  succeeded(now: Now): boolean {
    const recovered = this.#failure !== null;
    this.#applied = this.#inFlight;
    this.#appliedWallMs = Math.round(now.wallMs);
    this.#inFlight = null;
    this.#failure = null;
    this.#retryMs = PROGRAM_RETRY_MS;
    return recovered;
  }

  /** The kernel refused it, and has what it had before. Whether that begins a failure. */
  failed(reason: string, now: Now): boolean {
    const begun = this.#failure === null;
    this.#failure = { reason, atWallMs: Math.round(now.wallMs) };
    this.#pending ??= this.#inFlight;
    this.#inFlight = null;
    this.#retryBootMs = now.bootMs + this.#retryMs * (0.5 + this.#random() / 2);
    this.#retryMs = Math.min(2 * this.#retryMs, PROGRAM_RETRY_MS_MAX);
    return begun;
  }

  /** Forgets what waits: somebody else decides what comes next. */
  drop(): void {
    this.#pending = null;
    this.#retryBootMs = null;
  }

  /** Forgets what is in force: everything was removed. */
  forget(): void {
    this.drop();
    this.#applied = null;
  }

  nextBootMs(): number | null {
    return this.#inFlight === null && this.#pending !== null ? this.#retryBootMs : null;
  }
}
