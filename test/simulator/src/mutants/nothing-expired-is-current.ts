import type { Mutant } from './mutant.js';

const CLIENT = 'packages/client/dist';
const RELAY = 'relay/dist/core';

export const nothingExpiredIsCurrentMutants: readonly Mutant[] = [
  {
    id: 'neither-age-nor-stalls-count',
    invariant: 'nothing-expired-is-current',
    scenario: 'data',
    edits: [
      {
        module: `${CLIENT}/core/deadline.js`,
        find: 'Math.max(receipt.ageMs, this.#excessMs(receipt), 0)',
        replace: '0',
      },
    ],
  },
  {
    id: 'a-value-is-shown-as-good-for-a-second-longer',
    invariant: 'nothing-expired-is-current',
    scenario: 'data',
    edits: [
      {
        module: `${CLIENT}/stored-value.js`,
        find: 'freshnessAt(nowBootMs, held.deadlineBootMs, held.ttlMs)',
        replace: 'freshnessAt(nowBootMs - 1000, held.deadlineBootMs, held.ttlMs)',
      },
    ],
  },
  {
    id: 'a-cache-keeps-what-came-old-for-a-whole-ttl',
    invariant: 'nothing-expired-is-current',
    scenario: 'data',
    edits: [
      {
        module: `${RELAY}/upstream/accept.js`,
        find: 'times.ttlMs - times.ageMs',
        replace: 'times.ttlMs',
      },
    ],
  },
];
