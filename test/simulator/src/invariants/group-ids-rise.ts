import { type Guarantee, type Invariant, Violation } from '../frame/invariant.js';

/** What this file judges. */
export const guarantee: Guarantee = {
  id: 'group-ids-rise',
  statement: 'the Group IDs that a writer gives a track rise, across its crashes',
  design: [10],
};

/**
 * The sequence that a writer gives a track rises for the track's life, whatever becomes of the writer's process or disk.
 * BUS-09. Two writers of one track are told apart by their epochs: see `one-epoch-wins`.
 */
export function groupIdsRise(): Invariant {
  const { id } = guarantee;
  const newest = new Map<string, number>();
  return {
    ...guarantee,
    observe(observation) {
      if (observation.kind !== 'committed') return;
      const { node, track, group } = observation;
      const key = `${node} ${track}`;
      const known = newest.get(key);
      if (known !== undefined && group < known) {
        throw new Violation(id, `${node} committed group ${group} of ${track} after group ${known}`);
      }
      newest.set(key, group);
    },
  };
}
