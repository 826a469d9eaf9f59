import type { Mutant } from './mutant.js';

const CLIENT = 'packages/client/dist';

export const mapEqualsItsModelMutants: readonly Mutant[] = [
  {
    id: 'deltas-are-applied-over-a-gap',
    invariant: 'map-equals-its-model',
    scenario: 'data',
    edits: [
      {
        module: `${CLIENT}/core/track-order.js`,
        find: 'return object.object === last.object + 1;',
        replace: 'return object.object > last.object;',
      },
    ],
  },
  {
    id: 'a-delta-removes-nothing',
    invariant: 'map-equals-its-model',
    scenario: 'data',
    edits: [
      {
        module: `${CLIENT}/core/live-map.js`,
        find: 'for (const key of delta.removed) this.#entries.delete(key);',
        replace: '',
      },
    ],
  },
  {
    id: 'a-snapshot-lacks-the-edit-that-it-is-written-for',
    invariant: 'map-equals-its-model',
    scenario: 'data',
    edits: [
      {
        module: `${CLIENT}/published-track.js`,
        find: 'const entries = new Map(this.#entries); applyDelta(entries, delta);',
        replace: 'const entries = new Map(this.#entries);',
      },
    ],
  },
  {
    id: 'a-snapshot-does-not-replace-what-was-there',
    invariant: 'map-equals-its-model',
    scenario: 'data',
    edits: [
      {
        module: `${CLIENT}/core/live-map.js`,
        find: 'this.#entries = new Map(entries); for (const key of changed)',
        replace: 'this.#entries = new Map([...this.#entries, ...entries]); for (const key of changed)',
      },
    ],
  },
];
