import type { Mutant } from './mutant.js';

const CLIENT = 'packages/client/dist';
const RELAY = 'relay/dist/core';

export const deadPublisherIsKnownMutants: readonly Mutant[] = [
  {
    id: 'nobody-watches-heartbeats',
    invariant: 'dead-publisher-is-known',
    scenario: 'load-heartbeats',
    edits: [{ module: `${CLIENT}/track-feed.js`, find: 'this.#watchWriter(held);', replace: ';' }],
  },
  {
    id: 'heartbeats-are-not-renewed',
    invariant: 'dead-publisher-is-known',
    scenario: 'load-heartbeats',
    edits: [
      {
        module: `${CLIENT}/commit-log.js`,
        find: 'await this.#execute(track, track.ttlMs, (context) => track.planRenewal(context), true);',
        replace: ';',
      },
    ],
  },
  {
    id: 'silence-counts-from-the-last-heartbeat-whatever-came-between',
    invariant: 'dead-publisher-is-known',
    scenario: 'load-heartbeats',
    edits: [
      { module: `${CLIENT}/limits.js`, find: 'SILENCE_GRACE_MS = 15_000', replace: 'SILENCE_GRACE_MS = 0' },
      {
        module: `${CLIENT}/core/freshness.js`,
        find: 'return deadlineBootMs - ttlMs * RENEWAL_PART;',
        replace: 'return deadlineBootMs - ttlMs * 0.74;',
      },
    ],
  },
  {
    id: 'relays-hold-renewals-back',
    invariant: 'dead-publisher-is-known',
    scenario: 'load-heartbeats',
    edits: [
      {
        module: `${RELAY}/downstream/fan-out.js`,
        find: 'const live = new LiveSubgroup(',
        replace:
          'if (this.newest !== null && object.receivedMs - (this.openedMs ?? 0) < 12_000) return null; this.openedMs = object.receivedMs; const live = new LiveSubgroup(',
      },
    ],
  },
];
