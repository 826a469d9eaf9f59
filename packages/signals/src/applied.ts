import type { FullTrackName } from '@higgins/protocol';
import type { Content } from './content/content.js';
import { Fields } from './content/fields.js';
import { defineMap } from './define.js';
import { MAP_BYTES_MAX, REASON_CHARACTERS_MAX, SMALL_VALUE_BYTES_MAX } from './limits.js';
import { formatPath, stageOf } from './names.js';
import type { MapSignal } from './signal.js';
import { DAY_MS, SECOND_MS } from './time.js';

/** What became of a track's newest value at a consumer. */
export type AppliedResult = 'applied' | 'refused' | 'expired';

/** An acknowledgement: what a consumer has in force for one track, read back from the target, or why it refused. */
export interface Applied {
  readonly result: AppliedResult;
  /** Group ID of the Object that this is about; tells apart values and renewals. */
  readonly group: number;
  /** The version inside the value; null if the signal has none or the value could not be read. */
  readonly version: number | null;
  /** When it took effect, or was refused or expired, on the consumer's wall clock. */
  readonly appliedWallMs: number;
  /** How many entries are in force, read back; null where that means nothing. */
  readonly entries: number | null;
  /** Why it was refused, at most 512 characters; null otherwise. */
  readonly reason: string | null;
}

const RESULTS: readonly AppliedResult[] = ['applied', 'refused', 'expired'];

/** `platform/applied/pop/{pop}`: the acknowledgements of a PoP, one key per track (`appliedKey`). */
export const applied: MapSignal<{ readonly pop: string }, Applied> = defineMap(
  {
    id: 'applied',
    pattern: 'platform/applied/pop/{pop}',
    shape: 'map',
    writer: 'agent',
    consumers: ['control plane', 'dashboard', 'history'],
    ttlMs: 120 * SECOND_MS,
    ttlMsMin: SECOND_MS,
    ttlMsMax: DAY_MS,
    renewalMs: 30 * SECOND_MS,
    onExpiry: 'hold',
    retentionMs: 30 * DAY_MS,
    bytesMax: MAP_BYTES_MAX,
  },
  SMALL_VALUE_BYTES_MAX,
  { version: 1000, write, read },
);

/** The key of a track's acknowledgement: its path, with `@canary` behind it for a staged value. Throws NameError. */
export function appliedKey(track: FullTrackName): string {
  const path = formatPath(track);
  return stageOf(track) === 'canary' ? `${path}@canary` : path;
}

function write(value: Applied): Map<string, unknown> {
  const content = new Map<string, unknown>([
    ['result', value.result],
    ['group', value.group],
    ['appliedWallMs', value.appliedWallMs],
  ]);
  if (value.version !== null) content.set('version', value.version);
  if (value.entries !== null) content.set('entries', value.entries);
  if (value.reason !== null) content.set('reason', value.reason.slice(0, REASON_CHARACTERS_MAX));
  return content;
}

function read(content: Content): Applied {
  const fields = new Fields(content);
  return {
    result: fields.oneOf('result', RESULTS),
    group: fields.integer('group', 0, Number.MAX_SAFE_INTEGER),
    version: fields.optionalInteger('version', 0, Number.MAX_SAFE_INTEGER),
    appliedWallMs: fields.integer('appliedWallMs', 0, Number.MAX_SAFE_INTEGER),
    entries: fields.optionalInteger('entries', 0, Number.MAX_SAFE_INTEGER),
    reason: fields.optionalText('reason', 0, REASON_CHARACTERS_MAX),
  };
}
