import type { Mutant } from './mutant.js';

const CLIENT = 'packages/client/dist';
const RELAY = 'relay/dist/core';

export const oneUpstreamSubscriptionMutants: readonly Mutant[] = [
  {
    id: 'a-relay-subscribes-once-more-for-each-subscriber',
    invariant: 'one-upstream-subscription',
    scenario: 'load',
    edits: [{ module: `${RELAY}/upstream/sources.js`, find: 'if (!track.sources.has(peer))', replace: '' }],
  },
  {
    id: 'nobody-minds-that-a-track-is-subscribed-to-twice',
    invariant: 'one-upstream-subscription',
    scenario: 'load',
    edits: [
      {
        module: 'protocol/dist/session/request-start.js',
        find: 'if (!state.profile.rules.concurrentSubscriptions && state.publisherTracks.has(name.key)) {',
        replace: 'if (name === null) {',
      },
      {
        module: `${RELAY}/downstream/subscriptions.js`,
        find: 'if (peer.subscriptionsByTrack.has(trackKey)) {',
        replace: 'if (trackKey === null) {',
      },
      {
        module: `${CLIENT}/feeds.js`,
        find: 'return (known ?? this.#open(signal, name, restore)).subscribe();',
        replace: 'return (known && null) ?? this.#open(signal, name, restore).subscribe();',
      },
    ],
  },
  {
    id: 'what-nobody-wants-does-not-end',
    invariant: 'one-upstream-subscription',
    scenario: 'load',
    edits: [
      {
        module: `${RELAY}/tracks.js`,
        find: 'context.timers.schedule(track.lingerTimer, context.nowMs + context.limits.lingerMs);',
        replace: ';',
      },
    ],
  },
  {
    id: 'upstream-subscriptions-are-counted-up-only',
    invariant: 'one-upstream-subscription',
    scenario: 'load',
    edits: [
      { module: `${RELAY}/upstream/sources.js`, find: 'context.counters.upstreamSubscriptions--;', replace: ';' },
    ],
  },
];
