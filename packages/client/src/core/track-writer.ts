import { OBJECT_AGE_MS, UNCOUNTED_HOLD_MS, withInteger } from '@higgins/protocol';
import { encodeObjectProperties } from '@higgins/signals';
import { type Epoch, epochOf, GROUPS_PER_EPOCH, groupId, publishTimeMs } from './epoch.js';

/** An object as it was committed; nothing of it changes any more. */
export interface WrittenObject {
  readonly object: number;
  /** Encoded Key-Value-Pairs. */
  readonly properties: Uint8Array;
  readonly payload: Uint8Array;
  /** When it was fixed, on the boot clock of now; before every boot if nobody knows any more. */
  readonly fixedBootMs: number;
}

/** A group as far as it was written; a state track's is complete with its one object. */
export interface WrittenGroup {
  readonly group: number;
  readonly previousGroup: number | null;
  readonly objects: readonly WrittenObject[];
}

/** An object that is fixed but not committed: nobody may see it before the journal has it. */
export interface Draft {
  /** The newest group as it is once the draft is committed. */
  readonly after: WrittenGroup;
  readonly added: WrittenObject;
  readonly ttlMs: number;
}

export interface WriteContext {
  readonly epoch: Epoch;
  readonly nowBootMs: number;
  readonly ttlMs: number;
  /** The group that the next one follows, where that is a draft itself; absent: the newest that is committed. */
  readonly follows?: WrittenGroup;
}

/**
 * Numbers and fixes the objects of one track. Group IDs only rise; a number that was given to a draft is never given
 * again, whether the draft was committed or not.
 */
export class TrackWriter {
  #newest: WrittenGroup | null;
  #counterEpoch = -1;
  #counter = 0;

  /** `newest`: the newest group of an earlier life, from the journal. */
  constructor(newest: WrittenGroup | null) {
    this.#newest = newest;
  }

  /** The newest committed group; null if nothing was ever committed. */
  get newest(): WrittenGroup | null {
    return this.#newest;
  }

  /** Whether a new group needs a newer epoch: the counter is used up, or the track was seen beyond this epoch. */
  needsEpochAbove(epoch: Epoch): number | null {
    const used = this.#newest === null ? -1 : epochOf(this.#newest.group);
    if (used > epoch.epoch) return used;
    if (this.#counterEpoch === epoch.epoch) return this.#counter >= GROUPS_PER_EPOCH ? epoch.epoch : null;
    return used === epoch.epoch ? used : null;
  }

  /** Whether the newest group was written under this epoch, by this writer. */
  isOfEpoch(epoch: Epoch): boolean {
    return this.#counterEpoch === epoch.epoch && this.#newest !== null && epochOf(this.#newest.group) === epoch.epoch;
  }

  /** Drafts object 0 of a new group. The caller has seen `needsEpochAbove` return null. `payload` is kept. */
  draftGroup(payload: Uint8Array, context: WriteContext): Draft {
    const { epoch } = context.epoch;
    if (this.#counterEpoch !== epoch) {
      this.#counterEpoch = epoch;
      this.#counter = 0;
    }
    const group = groupId(epoch, this.#counter);
    this.#counter += 1;
    const previous = context.follows ?? this.#newest;
    const added = this.#object(0, payload, previous, context);
    const previousGroup = previous?.group ?? null;
    return { after: { group, previousGroup, objects: [added] }, added, ttlMs: context.ttlMs };
  }

  /** Drafts the next object of the newest group, which exists. `payload` is kept. */
  draftAppend(payload: Uint8Array, context: WriteContext): Draft {
    const newest = this.#newest;
    if (newest === null) throw new TypeError('nothing can be appended before the first group');
    const added = this.#object(newest.objects.length, payload, null, context);
    return { after: { ...newest, objects: [...newest.objects, added] }, added, ttlMs: context.ttlMs };
  }

  /** Makes a draft the newest of the track, once it is safe. */
  commit(draft: Draft): void {
    this.#newest = draft.after;
  }

  /** Forgets the newest group, not the numbers that were given. */
  retire(): void {
    this.#newest = null;
  }

  #object(object: number, payload: Uint8Array, previous: WrittenGroup | null, context: WriteContext): WrittenObject {
    const envelope = {
      ttlMs: context.ttlMs,
      publishTimeMs: Math.max(publishTimeMs(context.epoch, context.nowBootMs), 0),
    };
    const place =
      previous === null ? {} : { previousGroup: previous.group, previousObject: previous.objects.length - 1 };
    const properties = encodeObjectProperties({ ...envelope, ...place });
    return { object, properties, payload, fixedBootMs: context.nowBootMs };
  }
}

/**
 * The properties of an object as they are sent at `nowBootMs`: with the time that it lay here as its age, as a relay's
 * cache tells it, so that nobody who joins late takes it for fresh.
 */
export function agedProperties({ properties, fixedBootMs }: WrittenObject, nowBootMs: number): Uint8Array {
  const ageMs = nowBootMs - fixedBootMs;
  if (ageMs <= UNCOUNTED_HOLD_MS) return properties;
  return withInteger(properties, OBJECT_AGE_MS, Math.min(Math.ceil(ageMs), Number.MAX_SAFE_INTEGER));
}
