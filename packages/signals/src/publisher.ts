import type { Content } from './content/content.js';
import { Fields } from './content/fields.js';
import { defineState } from './define.js';
import { IDENTIFIER_CHARACTERS_MAX, SMALL_VALUE_BYTES_MAX } from './limits.js';
import type { StateSignal } from './signal.js';
import { DAY_MS, SECOND_MS } from './time.js';

/** A publisher's own heartbeat: tells a dead publisher from one that has nothing to say. */
export interface PublisherHeartbeat {
  /** Chosen at random when the process started, so that a restart shows; 1 to 256 characters. */
  readonly instance: string;
  /** When the process started, on its wall clock. */
  readonly startedWallMs: number;
  /** Tracks that it writes. */
  readonly tracks: number;
}

/** `platform/publisher/{id}`: the heartbeat of the writer with that id. */
export const publisherHeartbeat: StateSignal<{ readonly id: string }, PublisherHeartbeat> = defineState(
  {
    id: 'publisher-heartbeat',
    pattern: 'platform/publisher/{id}',
    shape: 'state',
    writer: 'every publisher',
    consumers: ['every consumer of its tracks', 'control plane', 'dashboard'],
    ttlMs: 20 * SECOND_MS,
    ttlMsMin: SECOND_MS,
    ttlMsMax: 600 * SECOND_MS,
    renewalMs: 5 * SECOND_MS,
    onExpiry: 'hold',
    retentionMs: DAY_MS,
    bytesMax: SMALL_VALUE_BYTES_MAX,
  },
  { version: 1000, write, read },
);

function write(value: PublisherHeartbeat): Map<string, unknown> {
  return new Map<string, unknown>([
    ['instance', value.instance],
    ['startedWallMs', value.startedWallMs],
    ['tracks', value.tracks],
  ]);
}

function read(content: Content): PublisherHeartbeat {
  const fields = new Fields(content);
  return {
    instance: fields.text('instance', 1, IDENTIFIER_CHARACTERS_MAX),
    startedWallMs: fields.integer('startedWallMs', 0, Number.MAX_SAFE_INTEGER),
    tracks: fields.integer('tracks', 0, Number.MAX_SAFE_INTEGER),
  };
}
