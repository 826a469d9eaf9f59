import { type Guarantee, type Invariant, Violation } from '../frame/invariant.js';

/** What this file judges. */
export const guarantee: Guarantee = {
  id: 'leaving-loses-nothing',
  statement: 'while relays drain and certificates change, every subscriber gets everything once, in order and in time',
  design: [17],
};

export interface Deliveries {
  readonly consumers: readonly string[];
  readonly tracks: readonly string[];
  /** How long an object may take from its commit to a consumer. */
  readonly deliveryMsMax: number;
  /** Objects that were committed before are none of its business: the world was being set up. */
  readonly fromMs: number;
}

/**
 * Invariant 17 of the design and BUS-38, BUS-64. Of events every one is due, of a state every value that the next one does
 * not overtake within `deliveryMsMax`.
 */
export function leavingLosesNothing({ consumers, tracks, deliveryMsMax, fromMs }: Deliveries): Invariant {
  const { id } = guarantee;
  const newest = new Map<string, string>();
  const due: Due[] = [];
  const arrived = (node: string, track: string, place: string, group: number, object: number) => {
    const key = `${node} ${track}`;
    const before = newest.get(key);
    if (before !== undefined && before >= place) {
      throw new Violation(id, `${node} got ${track} group ${group} object ${object} again, or behind a later one`);
    }
    newest.set(key, place);
  };
  return {
    ...guarantee,
    observe(observation, nowMs) {
      const { kind } = observation;
      if (kind === 'committed' && nowMs >= fromMs && tracks.includes(observation.track)) {
        const { track, group, object } = observation;
        due.push({ track, place: placeOf(group, object), atMs: nowMs + deliveryMsMax });
      } else if (kind === 'received' && tracks.includes(observation.track)) {
        const { node, track, group } = observation;
        arrived(node, track, placeOf(group, 0), group, 0);
      } else if (kind === 'delivered' && tracks.includes(observation.track)) {
        const { node, track, group, object, lost } = observation;
        if (lost)
          throw new Violation(id, `${node} was told that events of ${track} before ${group}/${object} are lost`);
        arrived(node, track, placeOf(group, object), group, object);
      }
    },
    check(nowMs) {
      for (let first = due[0]; first !== undefined && nowMs > first.atMs; first = due[0]) {
        due.shift();
        for (const node of consumers) {
          const has = newest.get(`${node} ${first.track}`) ?? '';
          if (has >= first.place) continue;
          throw new Violation(id, `${node} has not got ${first.track} ${first.place} within ${deliveryMsMax} ms`);
        }
      }
    },
  };
}

interface Due {
  readonly track: string;
  readonly place: string;
  readonly atMs: number;
}

/** Compares as text as its numbers do. */
function placeOf(group: number, object: number): string {
  return `${String(group).padStart(16, '0')}/${String(object).padStart(8, '0')}`;
}
