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
    id: 'what-is-over-is-called-stale',
    invariant: 'nothing-expired-is-current',
    scenario: 'data',
    edits: [
      {
        module: `${CLIENT}/core/freshness.js`,
        find: "if (nowBootMs >= deadlineBootMs) return 'expired';",
        replace: '',
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
