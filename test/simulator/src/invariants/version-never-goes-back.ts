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
  const writers = new Map<string, string>();
  /** Writers that have an older disk than they had: what they write may be of an older version, and is the newest. */
  const forgetful = new Set<string>();
  return {
    ...guarantee,
    observe(observation) {
      if (observation.kind === 'committed') writers.set(observation.track, observation.node);
      // A machine that lost its disk and its kernel's state cannot know what it had.
      if (observation.kind === 'forgot') {
        forgetful.add(observation.node);
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
      const older = version < (known?.version ?? version) && !forgetful.has(writers.get(track) ?? '');
      if (known !== undefined && (older || group < known.group)) {
        const before = `version ${known.version} of group ${known.group}`;
        throw new Violation(id, `${node} enforces ${track} version ${version} of group ${group} after ${before}`);
      }
      newest.set(key, { version, group });
    },
  };
}
