import { type Invariant, Violation } from '../frame/invariant.js';

/** The sequence of a track strictly rises for its life, whatever becomes of its publishers. BUS-09. */
export function groupIdsRise(): Invariant {
  const id = 'group-ids-rise';
  const newest = new Map<string, number>();
  return {
    id,
    statement: 'the Group IDs of a track rise, across crashes of its publisher',
    observe(observation) {
      if (observation.kind !== 'committed') return;
      const { node, track, group } = observation;
      const known = newest.get(track);
      if (known !== undefined && group < known) {
        throw new Violation(id, `${node} committed group ${group} of ${track} after group ${known}`);
      }
      newest.set(track, group);
    },
  };
}
