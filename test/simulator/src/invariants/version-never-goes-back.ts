import { type Invariant, Violation } from '../frame/invariant.js';

/** Invariant 1 of the design. BUS-11. */
export function versionNeverGoesBack(): Invariant {
  const id = 'version-never-goes-back';
  const newest = new Map<string, { version: number; group: number }>();
  return {
    id,
    statement: 'the version that a PoP enforces never goes back',
    observe(observation) {
      // A machine that lost its disk and its kernel's state cannot know what it had.
      if (observation.kind === 'forgot') {
        for (const key of newest.keys()) if (key.startsWith(`${observation.node} `)) newest.delete(key);
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
