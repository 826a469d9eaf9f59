import { type Guarantee, type Invariant, Violation } from '../frame/invariant.js';

/** What this file judges. */
export const guarantee: Guarantee = {
  id: 'invalid-never-replaces-last-good',
  statement: 'an object that breaks the rules takes no place of a good one, and who gets it says so',
  design: [12],
};

/**
 * Invariant 12 of the design. Whether it is refused visibly is judged at the end: whoever follows a track whose newest
 * object is invalid has been told, and nobody is told so of a valid one. BUS-18.
 */
export function invalidNeverReplacesLastGood(
  track: string,
  /** Who has to have been told at the end: those that run then. */
  subscribers: () => readonly string[],
): Invariant & {
  /** Whether everybody has been told of the newest object what it is. */
  holds(): boolean;
} {
  const { id } = guarantee;
  const spoiled = new Map<string, string>();
  let newest: { readonly group: number; readonly valid: boolean } | null = null;
  /** What each subscriber was told last: a group that it took, or refused. */
  const told = new Map<string, number>();
  const silent = (): string | null => {
    if (newest === null) return null;
    const { group, valid } = newest;
    const node = subscribers().find((subscriber) => (told.get(subscriber) ?? -1) < group);
    if (node === undefined) return null;
    return `${node} was not told ${valid ? 'of' : 'to refuse'} group ${group} of ${track}, which is the newest`;
  };
  return {
    ...guarantee,
    observe(observation) {
      const { kind, node } = observation;
      if (kind === 'started') told.delete(node);
      if (!('track' in observation) || observation.track !== track) return;
      if (kind === 'committed' || kind === 'spoiled') {
        if (kind === 'spoiled') spoiled.set(`${observation.group}`, observation.fault);
        newest = { group: observation.group, valid: kind === 'committed' };
      } else if (kind === 'received' || kind === 'refused') {
        const { group } = observation;
        const fault = spoiled.get(`${group}`);
        if (kind === 'received' && fault !== undefined) {
          throw new Violation(id, `${node} took group ${group} of ${track}, whose fault is: ${fault}`);
        }
        if (kind === 'refused' && fault === undefined) {
          throw new Violation(id, `${node} refused group ${group} of ${track}, which is as it should be`);
        }
        told.set(node, Math.max(group, told.get(node) ?? -1));
      }
    },
    holds: () => silent() === null,
    finish() {
      const problem = silent();
      if (problem !== null) throw new Violation(id, problem);
    },
  };
}
