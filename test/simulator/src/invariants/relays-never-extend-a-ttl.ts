import { type Guarantee, type Invariant, Violation } from '../frame/invariant.js';
import { clockErrorMs, type PathError } from './support/path-error.js';
import { type StallMark, Stalls } from './support/stalls.js';

/** What this file judges. */
export const guarantee: Guarantee = {
  id: 'relays-never-extend-a-ttl',
  statement:
    'what a relay hands out states the TTL of its writer and the age that it has, less what the way itself takes',
  design: [8],
};

/**
 * Invariant 8 of the design, on the wire: age adds up over hops, caches and reconnects. What packets are under way is
 * nobody's to count: the network's own time, and the time in which a fault held packets up. BUS-47.
 */
export function relaysNeverExtendATtl(path: PathError): Invariant {
  const { id } = guarantee;
  const committed = new Map<string, { atMs: number; ttlMs: number; mark: StallMark }>();
  const stalls = new Stalls();
  return {
    ...guarantee,
    observe(observation, nowMs) {
      stalls.observe(observation, nowMs);
      if (observation.kind === 'committed') {
        const { track, group, object, ttlMs } = observation;
        const key = `${track} ${group} ${object}`;
        if (!committed.has(key)) committed.set(key, { atMs: nowMs, ttlMs, mark: stalls.mark(nowMs) });
      } else if (observation.kind === 'served') {
        const { relay, track, group, object, ttlMs, ageMs } = observation;
        const origin = committed.get(`${track} ${group} ${object}`);
        if (origin === undefined) return;
        const what = `${relay} hands out ${track} group ${group} object ${object}`;
        if (ttlMs !== origin.ttlMs) {
          throw new Violation(id, `${what} with a TTL of ${ttlMs} ms, expected ${origin.ttlMs}`);
        }
        const trueAgeMs = nowMs - origin.atMs;
        const uncountedMs = path.networkMsMax + clockErrorMs(path, trueAgeMs) + stalls.lateSinceMs(origin.mark, nowMs);
        if (ageMs >= trueAgeMs - uncountedMs) return;
        const told = `as ${ageMs} ms old: it is ${Math.round(trueAgeMs)}`;
        throw new Violation(id, `${what} ${told}, of which ${Math.round(uncountedMs)} may be uncounted`);
      }
    },
  };
}
