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
    id: 'relays-write-to-everyone-once-the-slowest-has-read',
    invariant: 'a-stalled-peer-moves-nobody',
    scenario: 'load-stall',
    edits: [
      {
        module: `${RELAY}/downstream/shared-set.js`,
        find: 'this.#owner.missed(subscription, key);',
        replace: 'for (const member of [...this.members.values()]) this.#owner.missed(member, key);',
      },
    ],
  },
  {
    id: 'a-consumer-that-does-not-look-holds-up-the-next-one',
    invariant: 'a-stalled-peer-moves-nobody',
    scenario: 'load-stall',
    edits: [
      {
        module: `${CLIENT}/track-feed.js`,
        find: 'for (const subscription of this.#subscriptions) subscription.push(full);',
        replace:
          'for (const subscription of this.#subscriptions) { subscription.push(full); if (subscription.waiting > 0) break; }',
      },
    ],
  },
];
