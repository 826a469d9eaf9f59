import type { Mutant } from './mutant.js';

const CLIENT = 'packages/client/dist';
const RELAY = 'relay/dist/core';

export const gapsAreSurfacedMutants: readonly Mutant[] = [
  {
    id: 'losses-are-not-told',
    invariant: 'gaps-are-surfaced',
    scenario: 'data',
    edits: [
      {
        module: `${CLIENT}/core/track-order.js`,
        find: "this.#out.push({ kind: 'lost', after: this.#last, before: { group: object.group, object: object.object } });",
        replace: '',
      },
    ],
  },
  {
    id: 'the-next-group-follows-whatever-is-missing',
    invariant: 'gaps-are-surfaced',
    scenario: 'data',
    seeds: [27],
    edits: [
      {
        module: `${CLIENT}/core/track-order.js`,
        find: 'return last.object >= previousObject;',
        replace: 'return true;',
      },
    ],
  },
  {
    id: 'a-relay-loses-an-event-now-and-then',
    invariant: 'gaps-are-surfaced',
    scenario: 'data',
    edits: [
      {
        module: `${RELAY}/upstream/accept.js`,
        find: 'const object = readObject(context, source.track, received, context.nowMs, true); if (source.held === null) {',
        replace:
          'if (received.object % 16 === 15) return; const object = readObject(context, source.track, received, context.nowMs, true); if (source.held === null) {',
      },
    ],
  },
];
