import type { Mutant } from './mutant.js';

const CLIENT = 'packages/client/dist';
const RELAY = 'relay/dist/core';

export const aStalledPeerMovesNobodyMutants: readonly Mutant[] = [
  {
    id: 'nobody-gets-anything-while-one-is-behind',
    invariant: 'a-stalled-peer-moves-nobody',
    scenario: 'load-stall',
    edits: [
      {
        module: `${RELAY}/downstream/fan-out.js`,
        find: 'if (object.subgroup === null) return null; let live',
        replace:
          'if (object.subgroup === null) return null; for (const { behindSinceMs } of this.#track.subscriptions) if (behindSinceMs !== null) return null; let live',
      },
    ],
  },
  {
    id: 'relays-open-nothing-for-a-set-of-which-one-is-behind',
    invariant: 'a-stalled-peer-moves-nobody',
    scenario: 'load-stall',
    edits: [
      {
        module: `${RELAY}/downstream/fan-out.js`,
        find: 'if (set.members.size === 0) return;',
        replace: 'for (const { behindSinceMs } of set.members.values()) if (behindSinceMs !== null) return;',
      },
    ],
  },
  {
    id: 'a-consumer-that-does-not-look-holds-up-the-others',
    invariant: 'a-stalled-peer-moves-nobody',
    scenario: 'load-stall',
    edits: [
      {
        module: `${CLIENT}/track-feed.js`,
        find: 'for (const subscription of this.#subscriptions) subscription.push(full);',
        replace:
          'for (const { waiting } of this.#subscriptions) if (waiting > 0) return; for (const subscription of this.#subscriptions) subscription.push(full);',
      },
    ],
  },
];
