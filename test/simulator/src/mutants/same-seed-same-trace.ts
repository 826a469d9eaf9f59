import type { Mutant } from './mutant.js';

const CLIENT = 'packages/client/dist';
const RELAY = 'relay/dist/core';

export const sameSeedSameTraceMutants: readonly Mutant[] = [
  {
    id: 'clients-draw-their-pauses-elsewhere',
    invariant: 'same-seed-same-trace',
    scenario: 'twice',
    edits: [
      {
        module: `${CLIENT}/core/backoff.js`,
        find: 'return fullMs * (0.5 + random / 2);',
        replace: 'return fullMs * (0.5 + Math.random() / 2);',
      },
    ],
  },
  {
    id: 'relays-draw-their-pauses-elsewhere',
    invariant: 'same-seed-same-trace',
    scenario: 'twice',
    edits: [
      {
        module: `${RELAY}/upstream-links.js`,
        find: 'delayMs * (0.5 + context.random())',
        replace: 'delayMs * (0.5 + Math.random())',
      },
    ],
  },
  {
    id: 'relays-read-the-clock-of-the-machine',
    invariant: 'same-seed-same-trace',
    scenario: 'twice',
    edits: [
      {
        module: `${RELAY}/relay-node.js`,
        find: 'this.core.tick(this.#runtime.bootMs());',
        replace: 'this.core.tick(this.#runtime.bootMs() + (performance.now() % 1));',
      },
    ],
  },
  {
    id: 'relays-serve-peers-in-any-order',
    invariant: 'same-seed-same-trace',
    scenario: 'twice',
    edits: [
      {
        module: `${RELAY}/upstream/sources.js`,
        find: 'if (!track.sources.has(peer))',
        replace: 'if (!track.sources.has(peer) && (performance.now() * 1000) % 2 < 1.9)',
      },
    ],
  },
];
