import type { RelayContext } from './relay-context.js';
import { type WheelTimer, wheelTimer } from './timer-wheel.js';

/** Pauses between attempts: the first after a loss, and the longest. Each is drawn from half to one and a half of it. */
const BACKOFF_MS_MIN = 250;
const BACKOFF_MS_MAX = 10_000;

/**
 * Which upstream is dialled when. Upstreams are in order of preference; one at a time carries the relay. When it is
 * lost all are tried in turn, with pauses that grow and are random, so that relays that lost the same upstream do not
 * come back in step.
 */
export class UpstreamLinks {
  readonly #count: number;
  readonly #connect: (index: number) => void;
  readonly #timer: WheelTimer;
  #next = 0;
  #current = 0;
  #failures = 0;
  #dialling = false;
  #connected = false;

  /** `connect`: asks for an attempt to dial the upstream of that index; its outcome comes by `up` or `failed`. */
  constructor(count: number, connect: (index: number) => void) {
    this.#count = count;
    this.#connect = connect;
    this.#timer = wheelTimer(() => this.#dial());
  }

  /** An upstream session is established. */
  get connected(): boolean {
    return this.#connected;
  }

  get configured(): boolean {
    return this.#count > 0;
  }

  /** Dials the first. */
  start(): void {
    if (this.#count > 0) this.#dial();
  }

  /** The session is established and let us in. */
  up(): void {
    this.#dialling = false;
    this.#connected = true;
    this.#failures = 0;
    this.#current = this.#next;
    this.#next = 0;
  }

  /** The session asked us to go: the next one in order is dialled, which is the same one if there is no other. */
  leaving(context: RelayContext): void {
    if (!this.#connected) return;
    this.#next = (this.#current + 1) % this.#count;
    this.#redial(context);
  }

  /** The attempt failed, or the session was lost. */
  failed(context: RelayContext): void {
    if (!this.#connected && !this.#dialling) return;
    // A lost one may be back at once; one that does not answer makes room for the next.
    if (!this.#connected) {
      this.#next = (this.#next + 1) % this.#count;
      this.#failures++;
    }
    this.#redial(context);
  }

  /** Dials no more. */
  stop(context: RelayContext): void {
    context.timers.cancel(this.#timer);
    this.#dialling = false;
    this.#connected = false;
  }

  #redial(context: RelayContext): void {
    this.#dialling = false;
    this.#connected = false;
    const rounds = Math.floor(this.#failures / this.#count);
    const pauseMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(rounds, 10));
    context.timers.schedule(this.#timer, context.nowMs + pauseMs * (0.5 + context.random()));
  }

  #dial(): void {
    if (this.#dialling || this.#connected) return;
    this.#dialling = true;
    this.#connect(this.#next);
  }
}
