import type { Mutant } from './mutant.js';

const CLIENT = 'packages/client/dist';
const RELAY = 'relay/dist/core';

export const oneEpochWinsMutants: readonly Mutant[] = [
  {
    id: 'the-order-knows-no-epochs',
    invariant: 'one-epoch-wins',
    scenario: 'data',
    edits: [
      {
        module: `${CLIENT}/core/track-order.js`,
        find: 'return a.group - b.group || a.object - b.object;',
        replace: 'return (a.group % 2 ** 22) - (b.group % 2 ** 22) || a.object - b.object;',
      },
    ],
  },
  {
    id: 'a-zombies-objects-are-delivered',
    invariant: 'one-epoch-wins',
    scenario: 'data',
    edits: [
      {
        module: `${CLIENT}/core/track-order.js`,
        find: "else if (this.#repeats(object, 'old')) return;",
        replace: '',
      },
      {
        module: `${CLIENT}/core/track-order.js`,
        find: "if (this.#repeats(object, 'repeat')) return;",
        replace: '',
      },
    ],
  },
  {
    id: 'the-largest-object-is-the-latest',
    invariant: 'one-epoch-wins',
    scenario: 'data',
    edits: [
      {
        module: `${RELAY}/upstream/accept.js`,
        find: 'track.largest = laterOrNull(track.largest, place(object));',
        replace: 'track.largest = place(object);',
      },
    ],
  },
];
