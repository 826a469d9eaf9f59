import type { Edit, Mutant } from './mutant.js';

const CLIENT = 'packages/client/dist';
const RELAY = 'relay/dist/core';

/** The epoch follows the clock alone, whatever was used before. */
const CLOCK_ALONE: readonly Edit[] = [
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

/** Every mutant; at least three for each invariant. */
export const mutants: readonly Mutant[] = [
  {
    id: 'old-objects-count-as-new',
    invariant: 'version-never-goes-back',
    edits: [
      {
        module: `${CLIENT}/core/track-order.js`,
        find: 'return this.#last === null || comparePlaces(object, this.#last) > 0;',
        replace: 'return true;',
      },
    ],
  },
  {
    id: 'values-are-enforced-before-they-are-on-disk',
    invariant: 'version-never-goes-back',
    edits: [
      {
        module: `${CLIENT}/state-store.js`,
        find: 'async flush(name) {',
        replace: 'async flush(name) { if (name) return;',
      },
    ],
  },
  {
    id: 'late-live-objects-are-delivered',
    invariant: 'version-never-goes-back',
    edits: [
      {
        module: `${CLIENT}/core/track-order.js`,
        find: "else if (this.#repeats(object, 'old')) return;",
        replace: '',
      },
    ],
  },
  { id: 'epochs-follow-the-clock-alone', invariant: 'group-ids-rise', edits: CLOCK_ALONE },
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
  {
    id: 'relays-add-no-age',
    invariant: 'nothing-outlives-its-ttl',
    edits: [{ module: `${RELAY}/properties.js`, find: 'Math.ceil(ageMs + addedMs)', replace: 'ageMs' }],
  },
  {
    id: 'stalls-are-ignored',
    invariant: 'nothing-outlives-its-ttl',
    edits: [
      {
        module: `${CLIENT}/core/deadline.js`,
        find: 'Math.max(receipt.ageMs, this.#excessMs(receipt), 0)',
        replace: 'Math.max(receipt.ageMs, 0)',
      },
    ],
  },
  {
    id: 'a-restart-begins-the-ttl-anew',
    invariant: 'nothing-outlives-its-ttl',
    edits: [
      {
        module: `${CLIENT}/core/held-record.js`,
        find: "elapsed === null ? 0 : Math.min(fields.finite('remainingMs') - elapsed, ttlMs)",
        replace: 'ttlMs',
      },
    ],
  },
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
