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
  const places = new Set<string>();
  /** Writers that have an older disk than they had. */
  const forgetful = new Set<string>();
  return {
    ...guarantee,
    observe(observation) {
      if (observation.kind === 'forgot') forgetful.add(observation.node);
      if (observation.kind !== 'committed') return;
      const { node, track, group, object } = observation;
      const key = `${node} ${track}`;
      const known = newest.get(key);
      const place = `${key} ${group} ${object}`;
      // What an old disk brings back was committed before; what is new has to come after all that ever was.
      if (forgetful.has(node) && places.has(place)) return;
      places.add(place);
      if (known !== undefined && group < known) {
        throw new Violation(id, `${node} committed group ${group} of ${track} after group ${known}`);
      }
      newest.set(key, group);
    },
  };
}
