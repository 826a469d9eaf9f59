import { type Guarantee, type Invariant, Violation } from '../frame/invariant.js';
import { ExpiryLimits } from './support/expiry-limits.js';
import type { PathError } from './support/path-error.js';

/** What this file judges. */
export const guarantee: Guarantee = {
  id: 'nothing-expired-is-current',
  statement: 'nobody presents an expired object as current: not a relay that hands it out, not the SDK that is asked',
  design: [9],
};

/** What the SDK says of a track. */
export interface CurrentValue {
  readonly group: number;
  readonly object: number;
  readonly freshness: string;
  readonly ageMs: number;
  readonly ttlMs: number;
}

/** The views of running subscribers, by node and track, at the moment of the call. */
export type CurrentValues = () => Iterable<readonly [node: string, track: string, current: CurrentValue | null]>;

/** Invariant 9 of the design: of a map's group only the newest object tells whether it is current. BUS-48, BUS-50. */
export function nothingExpiredIsCurrent(
  views: CurrentValues,
  epochOf: (group: number) => number,
  path: PathError,
  /** Tracks whose groups live as long as their newest object. */
  maps: readonly string[],
): Invariant {
  const { id } = guarantee;
  const limits = new ExpiryLimits(epochOf, path);
  /** Until then nothing that is current can become what it must not be, unless something happens. */
  let dueMs = Number.NEGATIVE_INFINITY;
  return {
    ...guarantee,
    observe(observation, nowMs) {
      limits.observe(observation, nowMs);
      dueMs = Number.NEGATIVE_INFINITY;
      if (observation.kind !== 'served' || (maps.includes(observation.track) && !observation.newest)) return;
      const { relay, track, group, object, ttlMs, ageMs } = observation;
      // Ages are rounded up.
      if (ageMs <= ttlMs) return;
      const what = `${track} group ${group} object ${object}`;
      throw new Violation(id, `${relay} hands out ${what}, which is ${ageMs} of ${ttlMs} ms old`);
    },
    check(nowMs) {
      if (nowMs <= dueMs) return;
      dueMs = Number.POSITIVE_INFINITY;
      for (const [node, track, current] of views()) {
        if (current === null || current.freshness === 'expired') continue;
        const { group, object, ageMs, ttlMs, freshness } = current;
        const what = `${node} calls ${track} group ${group} object ${object} ${freshness}`;
        if (ageMs >= ttlMs)
          throw new Violation(id, `${what}, ${Math.round(ageMs)} of ${ttlMs} ms old as it says itself`);
        const limitMs = limits.limitMs(node, track, group, object) ?? nowMs;
        if (nowMs > limitMs) throw new Violation(id, `${what} ${Math.round(nowMs - limitMs)} ms past its TTL and skew`);
        // A clock that runs fast may make it expire sooner.
        dueMs = Math.min(dueMs, limitMs, nowMs + (ttlMs - ageMs));
      }
    },
  };
}
