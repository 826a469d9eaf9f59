import { type Invariant, Violation } from '../frame/invariant.js';
import type { VirtualKernel } from '../programs/kernel.js';

/** Clocks of two machines that run apart by up to 100 ppm each way. */
const SKEW_PPM = 200;
/** Time at relays that they need not count (design: residence up to 10 ms each, two of them), and rounding. */
const UNCOUNTED_MS = 25;
/** What the network alone takes at most while nothing is wrong with it, over all hops of a topology. */
const NETWORK_MS_MAX = 500;

/**
 * Invariant 7 of the design: a value ends at its TTL after it was committed, plus the stated error: the fastest delivery
 * that the process has seen of that writer's epoch, clock drift, and what relays need not count. Time in a relay's cache
 * is no delivery time: while nothing holds packets up, a delivery counts for what the network takes and no more.
 */
export function nothingOutlivesItsTtl(
  kernels: ReadonlyMap<string, VirtualKernel>,
  epochOf: (group: number) => number,
): Invariant {
  const id = 'nothing-outlives-its-ttl';
  const committed = new Map<string, { atMs: number; ttlMs: number }>();
  /** Per PoP, track and group: the world's time at which it must be off. */
  const offAtMs = new Map<string, number>();
  const fastestMs = new Map<string, number>();
  let stalls = 0;
  let stalledUntilMs = Number.NEGATIVE_INFINITY;
  return {
    id,
    statement: 'no value is in force past its TTL plus the stated skew',
    observe(observation, nowMs) {
      if (observation.kind === 'committed') {
        const key = `${observation.track} ${observation.group}`;
        // An identical object that a restart sends again is as old as it was.
        if (!committed.has(key)) committed.set(key, { atMs: nowMs, ttlMs: observation.ttlMs });
      } else if (observation.kind === 'fault' && observation.stalls) {
        stalls += observation.phase === 'begin' ? 1 : -1;
        stalledUntilMs = nowMs;
      } else if (observation.kind === 'started') {
        for (const key of fastestMs.keys()) if (key.startsWith(`${observation.node} `)) fastestMs.delete(key);
      } else if (observation.kind === 'received') {
        const { node, track, group } = observation;
        const origin = committed.get(`${track} ${group}`);
        if (origin === undefined) return;
        const path = `${node} ${epochOf(group)}`;
        const undisturbed = stalls === 0 && stalledUntilMs < origin.atMs;
        const deliveryMs = undisturbed ? Math.min(nowMs - origin.atMs, NETWORK_MS_MAX) : nowMs - origin.atMs;
        const delayMs = Math.min(deliveryMs, fastestMs.get(path) ?? Number.POSITIVE_INFINITY);
        fastestMs.set(path, delayMs);
        const key = `${node} ${track} ${group}`;
        const limitMs = origin.atMs + origin.ttlMs * (1 + SKEW_PPM / 1e6) + delayMs + UNCOUNTED_MS;
        offAtMs.set(key, Math.min(limitMs, offAtMs.get(key) ?? Number.POSITIVE_INFINITY));
      }
    },
    check(nowMs) {
      for (const [pop, kernel] of kernels) {
        for (const track of kernel.lists().keys()) {
          const list = kernel.inForce(track);
          if (list === null) continue;
          const limitMs = offAtMs.get(`${pop} ${track} ${list.group}`);
          if (limitMs === undefined) {
            throw new Violation(id, `${pop} enforces ${track} group ${list.group}, which it never received`);
          }
          if (nowMs <= limitMs) continue;
          const late = Math.round(nowMs - limitMs);
          throw new Violation(id, `${pop} enforces ${track} version ${list.version} ${late} ms past its TTL and skew`);
        }
      }
    },
  };
}
