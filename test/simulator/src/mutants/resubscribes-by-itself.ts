import type { Mutant } from './mutant.js';

const CLIENT = 'packages/client/dist';
const RELAY = 'relay/dist/core';

export const resubscribesByItselfMutants: readonly Mutant[] = [
  {
    id: 'a-client-tries-every-relay-once',
    invariant: 'resubscribes-by-itself',
    scenario: 'load-storm',
    edits: [
      {
        module: `${CLIENT}/relay-connector.js`,
        find: 'if (relay === undefined) this.#roundIn(this.#backoff.nextMs(this.#options.runtime.random()));',
        replace: 'if (relay === undefined) return;',
      },
    ],
  },
  {
    id: 'a-new-session-is-not-subscribed-to',
    invariant: 'resubscribes-by-itself',
    scenario: 'load',
    edits: [
      {
        module: `${CLIENT}/feeds.js`,
        find: 'const { done, value: feed } = feeds.next(); if (done) return; feed.attach(link, way);',
        replace: 'const { done, value: feed } = feeds.next(); if (done) return; if (way === 0) feed.attach(link, way);',
      },
    ],
  },
  {
    id: 'a-relay-forgets-what-was-wanted-of-a-lost-upstream',
    invariant: 'resubscribes-by-itself',
    scenario: 'load',
    edits: [
      { module: `${RELAY}/peer-life.js`, find: 'ensureSources(context, track);', replace: ';' },
      { module: `${RELAY}/announcements.js`, find: 'ensureSources(context, track);', replace: ';' },
      {
        module: `${RELAY}/upstream/sources.js`,
        find: 'context.timers.schedule(track.retryTimer, context.nowMs + delayMs);',
        replace: ';',
      },
    ],
  },
];
