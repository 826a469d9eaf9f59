import { type Guarantee, type Invariant, Violation } from '../frame/invariant.js';

/** What this file judges. */
export const guarantee: Guarantee = {
  id: 'version-never-goes-back',
  statement: 'the version that a PoP enforces never goes back, nor does what a subscription tells',
  design: [1],
};

/** Invariant 1 of the design. BUS-11. */
export function versionNeverGoesBack(): Invariant {
  const { id } = guarantee;
  const newest = new Map<string, { version: number; group: number }>();
  /** What the running process has told of. */
  const received = new Map<string, number>();
  return {
    ...guarantee,
    observe(observation) {
      // A machine that lost its disk and its kernel's state cannot know what it had.
      if (observation.kind === 'forgot') {
        for (const key of newest.keys()) if (key.startsWith(`${observation.node} `)) newest.delete(key);
      }
      if (observation.kind === 'started') {
        for (const key of received.keys()) if (key.startsWith(`${observation.node} `)) received.delete(key);
      }
      if (observation.kind === 'received') {
        const { node, track, group } = observation;
        const known = received.get(`${node} ${track}`) ?? 0;
        if (group < known) throw new Violation(id, `${node} is told of ${track} group ${group} after group ${known}`);
        received.set(`${node} ${track}`, group);
      }
      if (observation.kind !== 'enforced') return;
      const { node, track, version, group } = observation;
      const key = `${node} ${track}`;
      const known = newest.get(key);
      if (known !== undefined && (version < known.version || group < known.group)) {
        const before = `version ${known.version} of group ${known.group}`;
        throw new Violation(id, `${node} enforces ${track} version ${version} of group ${group} after ${before}`);
      }
      newest.set(key, { version, group });
    },
  };
}
