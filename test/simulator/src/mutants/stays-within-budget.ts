import type { Mutant } from './mutant.js';

const CLIENT = 'packages/client/dist';
const RELAY = 'relay/dist/core';

export const staysWithinBudgetMutants: readonly Mutant[] = [
  {
    id: 'the-cache-evicts-nothing',
    invariant: 'stays-within-budget',
    scenario: 'load',
    edits: [
      {
        module: `${RELAY}/cache/budget.js`,
        find: '(this.#evictFirst(this.#superseded, keep) || this.#evictFirst(this.#newest, keep))',
        replace: 'false',
      },
      { module: `${RELAY}/cache/budget.js`, find: 'if (this.bytes > this.#bytesMax)', replace: 'if (keep === null)' },
    ],
  },
  {
    id: 'slow-subscribers-get-everything-at-once',
    invariant: 'stays-within-budget',
    scenario: 'load',
    seeds: [26],
    edits: [
      {
        module: `${RELAY}/downstream/catch-up.js`,
        find: 'return conflating && this.#track.policy.shape !== null ? conflationBacklogBytes : subscriptionBacklogBytes;',
        replace: 'return Number.POSITIVE_INFINITY;',
      },
    ],
  },
  {
    id: 'a-client-keeps-every-update-for-who-does-not-look',
    invariant: 'stays-within-budget',
    scenario: 'load',
    edits: [
      {
        module: `${CLIENT}/subscription.js`,
        find: 'if (last === undefined || this.#source.every)',
        replace: 'if (true)',
      },
    ],
  },
  {
    id: 'evicted-bytes-are-still-counted',
    invariant: 'stays-within-budget',
    scenario: 'load',
    edits: [{ module: `${RELAY}/cache/budget.js`, find: 'this.bytes -= group.bytes;', replace: ';' }],
  },
];
