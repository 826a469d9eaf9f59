import type { Mutant } from './mutant.js';

const CLIENT = 'packages/client/dist';
const RELAY = 'relay/dist/core';

export const thenTheDefaultOnceMutants: readonly Mutant[] = [
  {
    id: 'a-list-has-no-say-in-its-expiry',
    invariant: 'then-the-default-once',
    scenario: 'data',
    edits: [
      {
        module: `${CLIENT}/stored-value.js`,
        find: 'onExpiry: content.expiry ?? signal.onExpiry',
        replace: 'onExpiry: signal.onExpiry',
      },
    ],
  },
  {
    id: 'every-list-fails-open',
    invariant: 'then-the-default-once',
    scenario: 'data',
    edits: [
      {
        module: `${CLIENT}/core/track-content.js`,
        find: "this.expiry = state.deleted ? null : fieldOf(this.value, 'expiry', isExpiryMode);",
        replace: "this.expiry = state.deleted ? null : 'open';",
      },
    ],
  },
  {
    id: 'nobody-is-told-that-time-is-up',
    invariant: 'then-the-default-once',
    scenario: 'data',
    edits: [
      {
        module: `${CLIENT}/state-store.js`,
        find: 'this.#options.onFreshness(entry.held.name, entry.freshness);',
        replace: '',
      },
    ],
  },
  {
    id: 'a-relay-gives-back-the-time-that-passed',
    invariant: 'then-the-default-once',
    scenario: 'data',
    edits: [
      {
        module: `${RELAY}/properties.js`,
        find: 'Math.ceil(ageMs + addedMs)',
        replace: '0',
      },
      {
        module: `${RELAY}/upstream/accept.js`,
        find: 'times.ttlMs - times.ageMs',
        replace: 'times.ttlMs + 60_000',
      },
    ],
  },
];
