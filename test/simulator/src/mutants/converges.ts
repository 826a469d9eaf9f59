import type { Mutant } from './mutant.js';

const CLIENT = 'packages/client/dist';
const RELAY = 'relay/dist/core';

export const convergesMutants: readonly Mutant[] = [
  {
    id: 'a-returning-upstream-is-not-asked-again',
    invariant: 'converges',
    edits: [
      { module: `${RELAY}/peer-life.js`, find: 'ensureSources(context, track);', replace: ';' },
      { module: `${RELAY}/announcements.js`, find: 'ensureSources(context, track);', replace: ';' },
      { module: `${RELAY}/tracks.js`, find: 'retry: () => ensureSources(context, made),', replace: 'retry: () => {},' },
    ],
  },
  {
    id: 'what-was-missed-is-not-forwarded',
    invariant: 'converges',
    scenario: 'long-ttl',
    edits: [
      {
        module: `${RELAY}/upstream/recovery.js`,
        find: 'const live = track.fanOut.forward(object, feed);',
        replace: 'const live = null;',
      },
    ],
  },
  {
    id: 'a-lost-connection-is-not-made-again',
    invariant: 'converges',
    edits: [
      {
        module: `${CLIENT}/relay-connector.js`,
        find: 'if (runtime.bootMs() - current.sinceBootMs >= CONNECTION_STABLE_MS)',
        replace: 'return; if (true)',
      },
    ],
  },
];
