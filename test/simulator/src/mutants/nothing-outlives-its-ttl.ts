import type { Mutant } from './mutant.js';

const CLIENT = 'packages/client/dist';
const RELAY = 'relay/dist/core';

export const nothingOutlivesItsTtlMutants: readonly Mutant[] = [
  {
    id: 'relays-add-no-age',
    invariant: 'nothing-outlives-its-ttl',
    edits: [{ module: `${RELAY}/properties.js`, find: 'Math.ceil(ageMs + addedMs)', replace: 'ageMs' }],
  },
  {
    id: 'stalls-are-ignored',
    invariant: 'nothing-outlives-its-ttl',
    edits: [
      {
        module: `${CLIENT}/core/deadline.js`,
        find: 'Math.max(receipt.ageMs, this.#excessMs(receipt), 0)',
        replace: 'Math.max(receipt.ageMs, 0)',
      },
    ],
  },
  {
    id: 'a-restart-begins-the-ttl-anew',
    invariant: 'nothing-outlives-its-ttl',
    edits: [
      {
        module: `${CLIENT}/core/held-record.js`,
        find: "elapsed === null ? 0 : Math.min(fields.finite('remainingMs') - elapsed, ttlMs)",
        replace: 'ttlMs',
      },
    ],
  },
];
