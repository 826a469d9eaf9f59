import type { RelayContext } from './relay-context.js';
import { type WheelTimer, wheelTimer } from './timer-wheel.js';

/** Pauses between attempts: the first after a loss, and the longest. Each is drawn from half to one and a half of it. */
const BACKOFF_MS_MIN = 250;
const BACKOFF_MS_MAX = 10_000;
/** How often a relay that is carried by another upstream tries its preferred one, drawn in the same way. */
const RETURN_MS = 60_000;

/**
 * Where a GOAWAY sends the relay to is followed so often in a row, unless a session lasts for `BACKOFF_MS_MAX`: relays
 * that send it to and fro would keep it moving for ever.
 */
const REDIRECTS_MAX = 8;

/**
 * Which upstream is dialled when. Upstreams are in order of preference; one at a time carries the relay. When it is
 * lost all are tried in turn, with pauses that grow and are random, so that relays that lost the same upstream do not
 * come back in step. From any but the first the relay returns to the first when that answers again. A GOAWAY may name
 * another place for its upstream, which counts as that upstream until the session is lost (draft-18 §10.4).
 */
export class UpstreamLinks {
  readonly #count: number;
  readonly #connect: (index: number, uri: string | null) => void;
  readonly #timer: WheelTimer;
  /** Which one carries the relay. */
  #current: number | null = null;
  #dialled: number | null = null;
  #next = 0;
  #failures = 0;
  /** Where the next attempt goes instead of the address of its upstream. */
  #redirect: string | null = null;
  #redirects = 0;
  #upSinceMs = 0;

  /**
   * `connect`: asks for an attempt to dial the upstream of that index, at its own address or at `uri`; its outcome comes
   * by `up` or `dialFailed`.
   */
  constructor(count: number, connect: (index: number, uri: string | null) => void) {
    this.#count = count;
    this.#connect = connect;
    this.#timer = wheelTimer(() => this.#dial());
  }

  /** An upstream session is established, and not about to go. */
  get connected(): boolean {
    return this.#current !== null;
  }

  get configured(): boolean {
    return this.#count > 0;
  }

  /** Dials the first. */
  start(): void {
    if (this.#count > 0) this.#dial();
  }

  /** The session that was dialled last is established. Any other one is to be left. */
  up(context: RelayContext): void {
    this.#current = this.#dialled;
    this.#dialled = null;
    this.#failures = 0;
    this.#next = 0;
    this.#upSinceMs = context.nowMs;
    if (this.#current === 0) context.timers.cancel(this.#timer);
    else this.#schedule(context, RETURN_MS);
  }

  /** The attempt failed, or its session ended before it was established. */
  dialFailed(context: RelayContext): void {
    if (this.#dialled === null) return;
    const failed = this.#dialled;
    this.#dialled = null;
    if (this.#current !== null) {
      this.#schedule(context, RETURN_MS);
      return;
    }
    // One that does not answer makes room for the next.
    this.#next = (failed + 1) % this.#count;
    this.#failures++;
    this.#schedule(context, this.#backoffMs());
  }

  /** The session that carries the relay is lost. It may be back at once, or a more preferred one may be. */
  lost(context: RelayContext): void {
    this.#current = null;
    this.#next = 0;
    if (this.#dialled === null) this.#schedule(context, this.#backoffMs());
  }

  /**
   * It asked us to go: to `newSessionUri`, or if that is empty to the next one in order, which is the same one if there is
   * no other.
   */
  leaving(context: RelayContext, newSessionUri: string): void {
    if (this.#current === null) return;
    const lasted = context.nowMs - this.#upSinceMs >= BACKOFF_MS_MAX;
    this.#redirects = newSessionUri === '' || lasted ? 0 : this.#redirects + 1;
    const followed = newSessionUri !== '' && this.#redirects <= REDIRECTS_MAX;
    this.#redirect = followed ? newSessionUri : null;
    this.#next = followed ? this.#current : (this.#current + 1) % this.#count;
    this.#current = null;
    if (this.#dialled === null) this.#schedule(context, this.#backoffMs());
  }

  /** Dials no more. */
  stop(context: RelayContext): void {
    context.timers.cancel(this.#timer);
    this.#current = null;
  }

  #backoffMs(): number {
    const rounds = Math.floor(this.#failures / this.#count);
    return Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(rounds, 10));
  }

  #schedule(context: RelayContext, delayMs: number): void {
    context.timers.schedule(this.#timer, context.nowMs + delayMs * (0.5 + context.random()));
  }

  #dial(): void {
    if (this.#dialled !== null) return;
    this.#dialled = this.#next;
    const uri = this.#redirect;
    this.#redirect = null;
    this.#connect(this.#next, uri);
  }
}
