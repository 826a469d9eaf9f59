import { type Guarantee, type Invariant, Violation } from '../frame/invariant.js';

/** What this file judges. */
export const guarantee: Guarantee = {
  id: 'bytes-are-identical',
  statement: 'every object that a subscriber gets was published, byte for byte, on that track',
  design: [2],
};

/** Invariant 2 of the design. */
export function bytesAreIdentical(): Invariant {
  const { id } = guarantee;
  const committed = new Map<string, Uint8Array>();
  return {
    ...guarantee,
    observe(observation) {
      if (observation.kind === 'committed') {
        const key = `${observation.track} ${observation.group} ${observation.object}`;
        const known = committed.get(key);
        // A retry after a crash is the identical object (design: tracks, names, sequences).
        if (known !== undefined && !isEqual(known, observation.payload)) {
          throw new Violation(id, `${observation.node} committed ${key} a second time with other bytes`);
        }
        committed.set(key, observation.payload.slice());
      } else if (
        observation.kind === 'received' ||
        observation.kind === 'carried' ||
        observation.kind === 'delivered'
      ) {
        const object = observation.kind === 'received' ? 0 : observation.object;
        const key = `${observation.track} ${observation.group} ${object}`;
        const published = committed.get(key);
        if (published === undefined)
          throw new Violation(id, `${observation.node} received ${key}, which nobody published`);
        if (!isEqual(published, observation.payload)) {
          throw new Violation(id, `${observation.node} received ${key} with other bytes than were published`);
        }
      }
    },
  };
}

function isEqual(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
