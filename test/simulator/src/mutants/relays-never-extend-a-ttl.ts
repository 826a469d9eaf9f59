import type { Mutant } from './mutant.js';

const CLIENT = 'packages/client/dist';
const RELAY = 'relay/dist/core';

export const relaysNeverExtendATtlMutants: readonly Mutant[] = [
  {
    id: 'age-begins-anew-at-each-relay',
    invariant: 'relays-never-extend-a-ttl',
    scenario: 'data',
    edits: [
      {
        module: `${RELAY}/properties.js`,
        find: 'Math.ceil(ageMs + addedMs)',
        replace: 'Math.ceil(addedMs)',
      },
    ],
  },
  {
    id: 'a-cache-hit-counts-no-time',
    invariant: 'relays-never-extend-a-ttl',
    scenario: 'data',
    edits: [
      {
        module: `${RELAY}/track.js`,
        find: 'if (this.policy.shape === null || (!fromCache && heldMs <= UNCOUNTED_HOLD_MS)) return object.properties;',
        replace:
          'if (this.policy.shape === null || fromCache || heldMs <= UNCOUNTED_HOLD_MS) return object.properties;',
      },
    ],
  },
  {
    id: 'what-lies-at-its-publisher-does-not-age',
    invariant: 'relays-never-extend-a-ttl',
    scenario: 'data',
    edits: [
      {
        module: `${CLIENT}/core/track-writer.js`,
        find: 'if (ageMs <= UNCOUNTED_HOLD_MS) return properties;',
        replace: 'if (ageMs <= Infinity) return properties;',
      },
    ],
  },
  {
    id: 'a-relay-doubles-the-ttl',
    invariant: 'relays-never-extend-a-ttl',
    scenario: 'data',
    edits: [
      {
        module: `${RELAY}/properties.js`,
        find: 'return withInteger(properties, OBJECT_AGE_MS, Math.ceil(ageMs + addedMs));',
        replace: 'return withInteger(properties, OBJECT_AGE_MS, Math.ceil((ageMs + addedMs) / 2));',
      },
    ],
  },
];
