import type { Mutant } from './mutant.js';

const CLIENT = 'packages/client/dist';
const RELAY = 'relay/dist/core';

export const workPerTurnIsBoundedMutants: readonly Mutant[] = [
  {
    id: 'a-client-subscribes-to-all-at-once',
    invariant: 'work-per-turn-is-bounded',
    scenario: 'many-tracks',
    edits: [
      { module: `${CLIENT}/limits.js`, find: 'SUBSCRIBES_PER_TURN_MAX = 64', replace: 'SUBSCRIBES_PER_TURN_MAX = 1e9' },
    ],
  },
  {
    id: 'a-relay-asks-a-new-upstream-for-all-at-once',
    invariant: 'work-per-turn-is-bounded',
    scenario: 'many-tracks',
    edits: [
      { module: `${RELAY}/peer-life.js`, find: 'TRACKS_PER_TURN_MAX = 256', replace: 'TRACKS_PER_TURN_MAX = 1e9' },
    ],
  },
  {
    id: 'a-relay-answers-fetches-in-one-go',
    invariant: 'work-per-turn-is-bounded',
    scenario: 'many-tracks',
    edits: [
      {
        module: `${RELAY}/downstream/fetch-response.js`,
        find: 'if (peer.outstandingBytes < fetchBacklogBytes) return false;',
        replace: 'if (peer.outstandingBytes >= 0 || fetchBacklogBytes) return false;',
      },
    ],
  },
];
