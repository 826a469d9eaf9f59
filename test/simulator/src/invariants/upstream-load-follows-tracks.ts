import type { RelayNode } from '@higgins/relay/core';
import { type Guarantee, type Invariant, Violation } from '../frame/invariant.js';
import type { Simulation } from '../frame/simulation.js';
import { Parts } from './support/parts.js';

/** What this file judges. */
export const guarantee: Guarantee = {
  id: 'upstream-load-follows-tracks',
  statement:
    'what relays ask upstream grows with tracks and not with subscribers, and those who come back at once come spread, and are let in at a rate',
  design: [21],
};

/** How long the load is added up. */
const WINDOW_MS = 5_000;
/**
 * SUBSCRIBEs and FETCHes upstream per track, session with an upstream and window: two of each join, and a few tries of one
 * that is refused or reset.
 */
const REQUESTS_PER_TRACK = 8;
/** The window for arrivals, and the share of a relay's clients that may come in one when they come back. */
const ARRIVAL_MS = 10;
const ARRIVAL_SHARE = 0.5;
/** Fewer clients than that tell nothing about how they are spread. */
const ARRIVALS_MIN = 12;
/** Until then everybody comes for the first time. */
const SETTLED_MS = 2_000;

/** Invariant 21 of the design and BUS-63. `clients`: how many one relay has. */
export function upstreamLoadFollowsTracks(simulation: Simulation, clients: number): Invariant {
  const parts = new Parts(simulation);
  const seen = new WeakMap<RelayNode, Figures>();
  return {
    ...guarantee,
    check(nowMs) {
      for (const [name, relay] of parts.relays()) {
        const figures = seen.get(relay) ?? new Figures(nowMs);
        seen.set(relay, figures);
        figures.take(name, relay, nowMs, clients);
      }
    },
  };
}

/** What one process of a relay has done in the current windows. */
class Figures {
  readonly #startedMs: number;
  #windowMs: number;
  #requests = 0;
  /** Most tracks, and most upstream sessions, of the window. */
  #tracks = 0;
  #connects = 0;
  #arrivalMs = 0;
  #arrived = 0;
  #letIn = 0;

  constructor(nowMs: number) {
    this.#startedMs = nowMs;
    this.#windowMs = nowMs;
  }

  take(name: string, { core }: RelayNode, nowMs: number, clients: number): void {
    const { upstreamSubscribes, upstreamFetches, upstreamConnects, sessionsOpened, sessionsRefused } = core.counters;
    const requests = upstreamSubscribes + upstreamFetches;
    this.#tracks = Math.max(this.#tracks, core.tracks.size);
    const upstreams = Math.max(1, upstreamConnects - this.#connects + core.upstreams.size);
    const most = REQUESTS_PER_TRACK * (this.#tracks + 1) * upstreams;
    if (requests - this.#requests > most) {
      const what = `${requests - this.#requests} requests for ${this.#tracks} tracks within ${WINDOW_MS} ms`;
      throw new Violation(
        guarantee.id,
        `${name} sent ${what} to ${upstreams} upstream sessions, expected at most ${most}`,
      );
    }
    if (nowMs - this.#windowMs >= WINDOW_MS) {
      this.#windowMs = nowMs;
      this.#requests = requests;
      this.#tracks = core.tracks.size;
      this.#connects = upstreamConnects;
    }
    this.#judgeArrivals(name, nowMs, sessionsOpened, clients);
    this.#judgeRate(name, core, nowMs, sessionsOpened - sessionsRefused);
  }

  #judgeArrivals(name: string, nowMs: number, arrived: number, clients: number): void {
    if (nowMs - this.#arrivalMs >= ARRIVAL_MS) {
      this.#arrivalMs = nowMs;
      this.#arrived = arrived;
    }
    const most = Math.max(ARRIVALS_MIN, clients * ARRIVAL_SHARE);
    if (nowMs < SETTLED_MS || arrived - this.#arrived <= most) return;
    const what = `${arrived - this.#arrived} of ${clients} clients came within ${ARRIVAL_MS} ms`;
    throw new Violation(guarantee.id, `${name}: ${what}, expected at most ${most}`);
  }

  #judgeRate(name: string, { limits, upstreams }: RelayNode['core'], nowMs: number, letIn: number): void {
    this.#letIn = letIn;
    const seconds = (nowMs - this.#startedMs) / 1000;
    const most = limits.sessionsPerSecondMax * (seconds + 1) + 1 + upstreams.size;
    if (this.#letIn <= most) return;
    const what = `let ${this.#letIn} sessions in within ${seconds.toFixed(1)} s`;
    throw new Violation(guarantee.id, `${name} ${what}, expected at most ${Math.floor(most)}`);
  }
}
