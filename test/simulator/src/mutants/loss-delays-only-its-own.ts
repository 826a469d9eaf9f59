import type { Mutant } from './mutant.js';

const CLIENT = 'packages/client/dist';
const RELAY = 'relay/dist/core';

export const lossDelaysOnlyItsOwnMutants: readonly Mutant[] = [
  {
    id: 'a-client-tells-of-one-track-once-the-others-have-news-too',
    invariant: 'loss-delays-only-its-own',
    scenario: 'load-loss',
    edits: [
      {
        module: `${CLIENT}/track-feed.js`,
        find: 'this.#push({ ...NOTHING, valueChanged: event.changed, changedKeys: new Set(event.keys) });',
        replace: `
          const round = (this.#options.rule.round ??= []);
          round.push([this, () => this.#push({ ...NOTHING, valueChanged: event.changed, changedKeys: new Set(event.keys) })]);
          if (new Set(round.map(([feed]) => feed)).size < 8) return;
          for (const [, run] of round.splice(0)) run();`,
      },
    ],
  },
  {
    id: 'a-relay-forwards-one-track-once-the-others-have-news-too',
    invariant: 'loss-delays-only-its-own',
    scenario: 'load-loss',
    edits: [
      {
        module: `${RELAY}/upstream/accept.js`,
        find: 'if (source.held === null) { take(context, source, object, feed); return; }',
        replace: `
          if (source.held === null) {
            const round = (context.round ??= []);
            round.push([source, () => take(context, source, object, feed)]);
            if (new Set(round.map(([one]) => one)).size < 8) return;
            for (const [, run] of round.splice(0)) run();
            return;
          }`,
      },
    ],
  },
  {
    id: 'a-relay-opens-nothing-while-one-has-not-acknowledged',
    invariant: 'loss-delays-only-its-own',
    scenario: 'load-loss',
    edits: [
      {
        module: `${RELAY}/downstream/fan-out.js`,
        find: 'if (set.members.size === 0) return;',
        replace: 'for (const member of set.members.keys()) if (member.backlogBytes() > 600) return;',
      },
    ],
  },
];
