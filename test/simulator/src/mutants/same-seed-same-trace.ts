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
    seeds: [8, 4],
    edits: [
      {
        module: `${RELAY}/relay-core.js`,
        find: 'this.random = options.random;',
        replace: 'this.random = Math.random;',
      },
    ],
  },
  {
    id: 'clients-look-at-the-clock-of-the-machine',
    invariant: 'same-seed-same-trace',
    scenario: 'twice',
    edits: [
      {
        module: `${CLIENT}/relay-connector.js`,
        find: 'this.#timer = runtime.at(runtime.bootMs() + delayMs,',
        replace: 'this.#timer = runtime.at(runtime.bootMs() + delayMs + (performance.now() % 1),',
      },
    ],
  },
];
