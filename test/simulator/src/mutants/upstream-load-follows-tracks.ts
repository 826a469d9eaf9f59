import type { Mutant } from './mutant.js';

const CLIENT = 'packages/client/dist';
const RELAY = 'relay/dist/core';

export const upstreamLoadFollowsTracksMutants: readonly Mutant[] = [
  {
    id: 'clients-come-back-in-step',
    invariant: 'upstream-load-follows-tracks',
    scenario: 'load-storm',
    edits: [
      { module: `${CLIENT}/core/backoff.js`, find: 'return fullMs * (0.5 + random / 2);', replace: 'return fullMs;' },
    ],
  },
  {
    id: 'relays-let-everybody-in',
    invariant: 'upstream-load-follows-tracks',
    scenario: 'load-storm',
    edits: [{ module: `${RELAY}/admission.js`, find: 'if (this.#free < 1) return false;', replace: '' }],
  },
  {
    id: 'relays-ask-upstream-for-each-of-their-subscribers',
    invariant: 'upstream-load-follows-tracks',
    scenario: 'load-storm',
    edits: [{ module: `${RELAY}/upstream/sources.js`, find: 'if (!track.sources.has(peer))', replace: '' }],
  },
];
