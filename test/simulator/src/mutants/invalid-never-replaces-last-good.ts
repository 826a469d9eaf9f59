import type { Mutant } from './mutant.js';

const CLIENT = 'packages/client/dist';

export const invalidNeverReplacesLastGoodMutants: readonly Mutant[] = [
  {
    id: 'what-breaks-the-schema-is-held',
    invariant: 'invalid-never-replaces-last-good',
    scenario: 'data',
    edits: [
      {
        module: `${CLIENT}/core/track-follower.js`,
        find: 'this.#refuse(arrival, error.message);',
        replace: "this.#hold(arrival); this.#out.push({ kind: 'held', newObject: true, changed: true, keys: [] });",
      },
    ],
  },
  {
    id: 'refusals-are-silent',
    invariant: 'invalid-never-replaces-last-good',
    scenario: 'data',
    edits: [
      {
        module: `${CLIENT}/track-feed.js`,
        find: 'this.#push({ ...NOTHING, refused: event.refusal });',
        replace: '',
      },
    ],
  },
  {
    id: 'a-payload-is-kept-before-it-is-understood',
    invariant: 'invalid-never-replaces-last-good',
    scenario: 'data',
    edits: [
      {
        module: `${CLIENT}/core/track-content.js`,
        find: 'const state = decodeState(this.#signal, payload, format); this.#payload = payload;',
        replace: 'this.#payload = payload; const state = decodeState(this.#signal, payload, format);',
      },
    ],
  },
];
