import type { Mutant } from './mutant.js';

const CLIENT = 'packages/client/dist';
const RELAY = 'relay/dist/core';

export const lossDelaysOnlyItsOwnMutants: readonly Mutant[] = [
  {
    id: 'a-gap-on-one-track-holds-all-tracks-of-a-client-back',
    invariant: 'loss-delays-only-its-own',
    scenario: 'load-loss',
    edits: [
      {
        module: `${CLIENT}/core/track-order.js`,
        find: '#fetching = new Set();',
        replace: '#fetching = (globalThis.allTracks ??= new Set());',
      },
    ],
  },
  {
    id: 'relays-forward-tracks-in-the-order-of-their-publish-times',
    invariant: 'loss-delays-only-its-own',
    scenario: 'load-loss',
    edits: [
      {
        module: `${RELAY}/upstream/accept.js`,
        find: 'feed.subgroup = received.subgroup; const object',
        replace:
          'feed.subgroup = received.subgroup; for (const { feeds } of [...context.tracks].flatMap((track) => [...track.sources.values()])) if (feeds.size > 0 && source.held === null && feeds !== source.feeds) source.held = []; const object',
      },
    ],
  },
  {
    id: 'relays-serve-the-next-peer-when-the-one-before-has-acknowledged',
    invariant: 'loss-delays-only-its-own',
    scenario: 'load-loss',
    edits: [
      {
        module: `${RELAY}/relay-core.js`,
        find: 'peer.port.pump();',
        replace:
          'if ([...this.peers].every((other) => other === peer || other.connection.backlogBytes() < 4096)) peer.port.pump();',
      },
    ],
  },
];
