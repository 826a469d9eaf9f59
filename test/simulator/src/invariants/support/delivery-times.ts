import { type Guarantee, type Invariant, Violation } from '../../frame/invariant.js';
import type { Observation } from '../../frame/observation.js';

/** When each consumer got each object, in world time. */
export type DeliveryTimes = Map<string, number>;

/** Keeps when everybody got everything; holds nothing to be wrong. */
export function recordDeliveries(times: DeliveryTimes): Invariant {
  return {
    id: 'records-deliveries',
    statement: 'deliveries are noted',
    observe(observation, nowMs) {
      const key = keyOf(observation);
      if (key !== null && !times.has(key)) times.set(key, nowMs);
    },
  };
}

/** Nothing that is `concerned` comes later than in a run of the same seed without the fault, by more than `slackMs`. */
export function comesAsWithout(
  { id, statement }: Guarantee,
  without: DeliveryTimes,
  concerned: (node: string, track: string) => boolean,
  slackMs: number,
): Invariant {
  const times: DeliveryTimes = new Map();
  return {
    id,
    statement,
    observe(observation, nowMs) {
      const key = keyOf(observation);
      if (key === null || times.has(key)) return;
      times.set(key, nowMs);
      const usualMs = without.get(key);
      if (usualMs === undefined || nowMs <= usualMs + slackMs || !isConcerned(observation, concerned)) return;
      throw new Violation(id, `${key} came ${(nowMs - usualMs).toFixed(1)} ms later than without the fault`);
    },
    finish(nowMs) {
      for (const [key, usualMs] of without) {
        const [node, track] = key.split(' ') as [string, string];
        if (times.has(key) || usualMs + slackMs > nowMs || !concerned(node, track)) continue;
        throw new Violation(id, `${key} never came, and it does without the fault`);
      }
    },
  };
}

function isConcerned(observation: Observation, concerned: (node: string, track: string) => boolean): boolean {
  return 'track' in observation && concerned(observation.node, observation.track);
}

function keyOf(observation: Observation): string | null {
  if (observation.kind === 'received') return `${observation.node} ${observation.track} ${observation.group}`;
  if (observation.kind !== 'delivered') return null;
  return `${observation.node} ${observation.track} ${observation.group}/${observation.object}`;
}
