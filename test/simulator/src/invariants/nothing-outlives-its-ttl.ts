import { type Guarantee, type Invariant, Violation } from '../frame/invariant.js';
import type { VirtualKernel } from '../programs/kernel.js';
import { ExpiryLimits } from './support/expiry-limits.js';
import { type PathError, SHORT_PATH } from './support/path-error.js';

/** What this file judges. */
export const guarantee: Guarantee = {
  id: 'nothing-outlives-its-ttl',
  statement: 'no value is in force past its TTL plus the stated skew',
  design: [7, 8, 9],
};

/**
 * Invariant 7 of the design: a value ends at its TTL after it was committed, plus the stated error, whatever becomes of
 * the process that put it in force. BUS-43, BUS-45, BUS-52.
 */
export function nothingOutlivesItsTtl(
  kernels: ReadonlyMap<string, VirtualKernel>,
  epochOf: (group: number) => number,
  path: PathError = SHORT_PATH,
): Invariant {
  const { id } = guarantee;
  const limits = new ExpiryLimits(epochOf, path);
  /** Before this time no value can be past its limit, but for those of nodes where something has changed. */
  let dueMs = Number.NEGATIVE_INFINITY;
  const changed = new Set<string>();
  /** Judges one PoP; returns when the next of its values has to be over. */
  const judge = (pop: string, kernel: VirtualKernel, nowMs: number): number => {
    let soonestMs = Number.POSITIVE_INFINITY;
    for (const track of kernel.lists().keys()) {
      const list = kernel.inForce(track);
      if (list === null) continue;
      const limitMs = limits.limitMs(pop, track, list.group, 0);
      if (limitMs === undefined) {
        throw new Violation(id, `${pop} enforces ${track} group ${list.group}, which it never received`);
      }
      if (nowMs > limitMs) {
        const late = Math.round(nowMs - limitMs);
        throw new Violation(id, `${pop} enforces ${track} version ${list.version} ${late} ms past its TTL and skew`);
      }
      soonestMs = Math.min(soonestMs, limitMs);
    }
    return soonestMs;
  };
  return {
    ...guarantee,
    observe(observation, nowMs) {
      limits.observe(observation, nowMs);
      if (observation.kind === 'received' || observation.kind === 'enforced') changed.add(observation.node);
    },
    check(nowMs) {
      if (nowMs > dueMs) {
        dueMs = Number.POSITIVE_INFINITY;
        for (const pop of kernels.keys()) changed.add(pop);
      }
      if (changed.size === 0) return;
      for (const pop of changed) {
        const kernel = kernels.get(pop);
        if (kernel !== undefined) dueMs = Math.min(dueMs, judge(pop, kernel, nowMs));
      }
      changed.clear();
    },
  };
}
