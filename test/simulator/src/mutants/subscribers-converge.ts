import type { Mutant } from './mutant.js';

const CLIENT = 'packages/client/dist';
const RELAY = 'relay/dist/core';

export const subscribersConvergeMutants: readonly Mutant[] = [
  {
    id: 'a-map-group-is-cached-without-what-is-old',
    invariant: 'subscribers-converge',
    scenario: 'data',
    seeds: [24],
    edits: [
      {
        module: `${RELAY}/upstream/accept.js`,
        find: "if (track.policy.shape === 'map') { cache.insert(object); return 'dropped'; }",
        replace: '',
      },
      {
        module: `${CLIENT}/track-join.js`,
        find: 'newest === null ? 0 : newest + 1',
        replace: '1',
      },
    ],
  },
  {
    id: 'the-end-of-a-group-is-waited-for-in-vain',
    invariant: 'subscribers-converge',
    scenario: 'data',
    seeds: [7],
    edits: [
      {
        module: `${CLIENT}/track-feed.js`,
        find: 'this.#follower.patienceOver();',
        replace: '',
      },
    ],
  },
  {
    id: 'a-second-publisher-is-not-caught-up-with',
    invariant: 'subscribers-converge',
    scenario: 'data',
    seeds: [27],
    edits: [
      {
        module: `${RELAY}/upstream/sources.js`,
        find: 'recoverFrom(context, source, missed);',
        replace: '',
      },
    ],
  },
  {
    id: 'missed-objects-are-cached-and-not-forwarded',
    invariant: 'subscribers-converge',
    scenario: 'data',
    edits: [
      {
        module: `${RELAY}/upstream/recovery.js`,
        find: 'const live = track.fanOut.forward(object, feed);',
        replace: 'const live = null;',
      },
    ],
  },
];
