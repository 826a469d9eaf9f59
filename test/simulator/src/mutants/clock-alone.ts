import type { Edit } from './mutant.js';

const CLIENT = 'packages/client/dist';

/** The epoch follows the clock alone, whatever was used before. */
export const CLOCK_ALONE: readonly Edit[] = [
  {
    module: `${CLIENT}/core/epoch.js`,
    find: 'Math.max((evidence.storedEpoch ?? -1) + 1, (evidence.seenEpoch ?? -1) + 1, clock, 0)',
    replace: 'Math.max(clock, 0)',
  },
  { module: `${CLIENT}/core/track-writer.js`, find: 'if (used > epoch.epoch) return used;', replace: '' },
  {
    module: `${CLIENT}/core/track-writer.js`,
    find: 'return used === epoch.epoch ? used : null;',
    replace: 'return null;',
  },
  { module: `${CLIENT}/commit-log.js`, find: 'seen < this.#epoch.epoch', replace: 'true' },
];
