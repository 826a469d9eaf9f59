import { CLOCK_ALONE } from './clock-alone.js';
import type { Mutant } from './mutant.js';

const CLIENT = 'packages/client/dist';
const RELAY = 'relay/dist/core';

export const bytesAreIdenticalMutants: readonly Mutant[] = [
  {
    id: 'lent-bytes-are-kept',
    invariant: 'bytes-are-identical',
    edits: [
      {
        module: 'protocol/dist/data/stream-input.js',
        find: 'return copyBytes(this.#chunk, start, this.#position);',
        replace: 'return this.#chunk.subarray(start, this.#position);',
      },
    ],
  },
  {
    id: 'the-relay-cuts-payloads',
    invariant: 'bytes-are-identical',
    edits: [
      {
        module: `${RELAY}/upstream/accept.js`,
        find: 'const { group, subgroup, object, status, priority, properties, payload } = received;',
        replace:
          'const { group, subgroup, object, status, priority, properties } = received; const payload = received.payload.slice(0, -1);',
      },
    ],
  },
  {
    id: 'a-restarted-publisher-writes-other-bytes-under-the-same-number',
    invariant: 'bytes-are-identical',
    edits: [
      ...CLOCK_ALONE,
      {
        module: `${CLIENT}/core/epoch.js`,
        find: 'const clock = Math.floor((evidence.wallMs - EPOCH_ORIGIN_WALL_MS) / 1000);',
        replace: 'const clock = Math.floor((evidence.wallMs - EPOCH_ORIGIN_WALL_MS) / 100_000_000);',
      },
    ],
  },
];
