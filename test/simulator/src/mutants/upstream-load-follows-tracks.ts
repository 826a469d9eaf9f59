import type { Mutant } from './mutant.js';

const CLIENT = 'packages/client/dist';
const RELAY = 'relay/dist/core';

export const upstreamLoadFollowsTracksMutants: readonly Mutant[] = [
  {
    id: 'clients-come-back-in-step',
    invariant: 'upstream-load-follows-tracks',
    scenario: 'load-storm',
    edits: [
      { module: `${CLIENT}/core/backoff.js`, find: 'return fullMs * (0.5 + random / 2);', replace: 'return fullMs;' },
    ],
  },
  {
    id: 'relays-let-everybody-in',
    invariant: 'upstream-load-follows-tracks',
    scenario: 'load-storm',
    edits: [{ module: `${RELAY}/admission.js`, find: 'if (this.#free < 1) return false;', replace: '' }],
  },
  {
    id: 'each-subscriber-has-the-relay-ask-upstream-anew',
    invariant: 'upstream-load-follows-tracks',
    scenario: 'load-storm',
    edits: [
      {
        module: `${RELAY}/downstream/subscriptions.js`,
        find: 'ensureSources(context, track);',
        replace: `
          for (const source of [...track.sources.values()]) {
            if (source.state === 'established') continue;
            source.cancel();
            track.sources.delete(source.peer);
            source.peer.requests.delete(source.request);
            context.counters.upstreamSubscriptions--;
          }
          ensureSources(context, track);`,
      },
    ],
  },
];
