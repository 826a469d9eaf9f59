import type { VirtualRuntime, VirtualWorld } from '@higgins/runtime';
import type { ConnectionLimits } from '../transport.js';
import type { Link } from './link.js';

/** One end of a connection, as far as its being alive concerns the other. */
export interface LivenessEnd {
  readonly runtime: VirtualRuntime;
  /** Leads from this end to the other. */
  readonly link: Link;
  readonly limits: ConnectionLimits;
  readonly closedAtMs: number | null;
  readonly closed: boolean;
  readonly otherEnd: LivenessEnd | null;
  lose(reason: string): void;
}

/**
 * Keep-alive and idle time-out of one end.
 *
 * Keep-alive packets are not sent one by one: at each check it is asked whether they would have come, and if not, since
 * when. That costs one event per idle time-out and end, and the time-out strikes at the exact moment.
 */
export class Liveness {
  readonly #end: LivenessEnd;
  readonly #world: VirtualWorld;
  readonly #idleTimeoutMs: number;
  #heardMs = 0;

  constructor(end: LivenessEnd, peerLimits: ConnectionLimits) {
    this.#end = end;
    this.#world = end.runtime.world;
    this.#idleTimeoutMs = shorterTimeout(end.limits.idleTimeoutMs, peerLimits.idleTimeoutMs);
  }

  start(): void {
    this.heard();
    if (this.#idleTimeoutMs > 0) this.#schedule(this.#heardMs + this.#idleTimeoutMs);
  }

  /** Something came from the peer. */
  heard(): void {
    this.#heardMs = this.#world.nowMs;
  }

  #schedule(atMs: number): void {
    this.#world.schedule(atMs, () => {
      if (!this.#end.closed) this.#end.runtime.deliver(() => this.#check());
    });
  }

  #check(): void {
    const end = this.#end;
    const otherEnd = end.otherEnd;
    if (end.closed || otherEnd === null) return;
    if (this.#wouldBeReset(otherEnd)) {
      end.lose('connection reset by the peer');
      return;
    }
    const heardMs = Math.max(this.#heardMs, this.#silentSinceMs(otherEnd));
    const dueMs = heardMs + this.#idleTimeoutMs;
    if (dueMs <= this.#world.nowMs) end.lose(`nothing came from the peer for ${this.#idleTimeoutMs} ms`);
    else this.#schedule(dueMs);
  }

  /** The peer has forgotten the connection, and says so when it hears from it (RFC 9000 section 10.3). */
  #wouldBeReset(otherEnd: LivenessEnd): boolean {
    return (
      otherEnd.closed &&
      otherEnd.runtime.state === 'running' &&
      this.#end.limits.keepAliveMs > 0 &&
      this.#end.link.blockedSinceMs === null &&
      otherEnd.link.blockedSinceMs === null
    );
  }

  /** Since when no keep-alive of either side gets a packet here; now, if they do. */
  #silentSinceMs(otherEnd: LivenessEnd): number {
    const nowMs = this.#world.nowMs;
    let sinceMs = nowMs;
    if (otherEnd.link.blockedSinceMs !== null) sinceMs = Math.min(sinceMs, otherEnd.link.blockedSinceMs);
    if (otherEnd.runtime.state !== 'running') sinceMs = Math.min(sinceMs, otherEnd.runtime.changedAtMs);
    if (otherEnd.closedAtMs !== null) sinceMs = Math.min(sinceMs, otherEnd.closedAtMs);
    if (otherEnd.limits.keepAliveMs > 0) return sinceMs;
    if (this.#end.limits.keepAliveMs === 0) return 0;
    // Only our own keep-alive is answered.
    return Math.min(sinceMs, this.#end.link.blockedSinceMs ?? sinceMs);
  }
}

/** 0 means none, on either side (RFC 9000 section 10.1). */
function shorterTimeout(left: number, right: number): number {
  if (left === 0 || right === 0) return Math.max(left, right);
  return Math.min(left, right);
}
