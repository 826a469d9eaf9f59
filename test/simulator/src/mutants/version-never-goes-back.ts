import type { Mutant } from './mutant.js';

const CLIENT = 'packages/client/dist';

export const versionNeverGoesBackMutants: readonly Mutant[] = [
  {
    id: 'old-objects-count-as-new',
    invariant: 'version-never-goes-back',
    edits: [
      {
        module: `${CLIENT}/core/track-order.js`,
        find: 'return this.#last === null || comparePlaces(object, this.#last) > 0;',
        replace: 'return true;',
      },
    ],
  },
  {
    id: 'values-are-enforced-before-they-are-on-disk',
    invariant: 'version-never-goes-back',
    edits: [
      {
        module: `${CLIENT}/state-store.js`,
        find: 'async flush(name) {',
        replace: 'async flush(name) { if (name) return;',
      },
    ],
  },
  {
    id: 'late-live-objects-are-delivered',
    invariant: 'version-never-goes-back',
    edits: [
      {
        module: `${CLIENT}/core/track-order.js`,
        find: "else if (this.#repeats(object, 'old')) return;",
        replace: '',
      },
    ],
  },
];
