import { CLOCK_ALONE } from './clock-alone.js';
import type { Mutant } from './mutant.js';

const CLIENT = 'packages/client/dist';

export const groupIdsRiseMutants: readonly Mutant[] = [
  { id: 'epochs-follow-the-clock-alone', invariant: 'group-ids-rise', seeds: [65], edits: CLOCK_ALONE },
  {
    id: 'the-counter-stands-still',
    invariant: 'group-ids-rise',
    edits: [{ module: `${CLIENT}/core/track-writer.js`, find: 'this.#counter += 1;', replace: '' }],
  },
  {
    id: 'the-journal-is-not-read',
    invariant: 'group-ids-rise',
    edits: [
      { module: `${CLIENT}/commit-log.js`, find: 'await log.#restore();', replace: '' },
      {
        module: `${CLIENT}/core/epoch.js`,
        find: '(evidence.storedEpoch ?? -1) + 1, ',
        replace: '',
      },
    ],
  },
];
