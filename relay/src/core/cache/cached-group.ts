import type { Vi64 } from '@higgins/protocol';
import { type WheelTimer, wheelTimer } from '../timer-wheel.js';
import { type CachedObject, costOf, sameObject } from './cached-object.js';

/**
 * What came of `insert`. `absent`: it is known not to exist, which is not an error but the last word (draft-18 §2.1).
 * `conflict`: it contradicts what came before, which makes the track malformed (draft-18 §2.4.2).
 */
export type Insertion = 'added' | 'duplicate' | 'absent' | 'conflict';

/** What is known of a Subgroup from the live streams that carried it. */
export interface CachedSubgroup {
  readonly priority: number;
  /** The largest Object ID of it that has come. */
  largestObject: Vi64;
  /** The last object of it has come. */
  ended: boolean;
  /** Its last object, once a stream of it has ended with a FIN. */
  finalObject: Vi64 | null;
}

/** One group of one track, with its objects in ascending order. Evicted as a whole only. */
export class CachedGroup {
  readonly group: Vi64;
  readonly objects: CachedObject[] = [];
  /** The Subgroups seen live. */
  readonly subgroups = new Map<Vi64, CachedSubgroup>();
  /** PRIOR_GROUP_ID_GAP of its objects, which have to agree on it; null: none has one. */
  priorGroupGap: Vi64 | null = null;
  /** The group's last object, once known (draft-18 §2.1). */
  finalObject: Vi64 | null = null;
  bytes = 0;
  /** When the last of its objects expires; Infinity if one never does. */
  lastExpiryMs = Number.NEGATIVE_INFINITY;
  /** Kept until then though its time is up: objects of a map's group arrive oldest first. */
  keptUntilMs = Number.NEGATIVE_INFINITY;
  /** When it was superseded by a newer complete group; null while it is the newest or in progress. */
  supersededMs: number | null = null;
  readonly timer: WheelTimer;

  constructor(group: Vi64, onTimer: (group: CachedGroup) => void) {
    this.group = group;
    this.timer = wheelTimer(() => onTimer(this));
  }

  /**
   * It starts at its first object and every Subgroup seen has ended: a newcomer can start from it, and it takes the
   * place of older groups. Publishers that never set END_OF_GROUP leave it at that.
   */
  get complete(): boolean {
    if (this.objects[0]?.object !== 0) return false;
    if (this.finalObject !== null) return true;
    if (this.subgroups.size === 0) return false;
    for (const { ended } of this.subgroups.values()) if (!ended) return false;
    return true;
  }

  /** What `insert` would meet, without keeping anything. */
  probe(object: CachedObject): Insertion {
    const present = this.find(object.object);
    if (present !== null) return sameObject(present, object) ? 'duplicate' : 'conflict';
    if (this.finalObject !== null && object.object > this.finalObject) return 'conflict';
    const last = this.objects.at(-1);
    if (object.status !== 'normal' && last !== undefined && last.object > object.object) return 'conflict';
    const subgroup = object.subgroup === null ? undefined : this.subgroups.get(object.subgroup);
    if (subgroup === undefined) return 'added';
    const behind = subgroup.finalObject !== null && object.object > subgroup.finalObject;
    return behind || subgroup.priority !== object.priority ? 'conflict' : 'added';
  }

  /** Adds an object that `probe` found new. */
  insert(object: CachedObject): void {
    const at = this.#indexOf(object.object);
    if (at === this.objects.length) this.objects.push(object);
    else this.objects.splice(at, 0, object);
    this.bytes += costOf(object);
    if (object.expiresMs > this.lastExpiryMs) this.lastExpiryMs = object.expiresMs;
  }

  /** Puts an object in the place of another copy of it. */
  replace(object: CachedObject): void {
    const at = this.#indexOf(object.object);
    this.bytes += costOf(object) - costOf(this.objects[at]!);
    this.objects[at] = object;
  }

  /** An object of the Subgroup has come live. */
  noteLive(subgroup: Vi64, priority: number, object: Vi64): void {
    const known = this.subgroups.get(subgroup);
    if (known === undefined) {
      this.subgroups.set(subgroup, { priority, largestObject: object, ended: false, finalObject: null });
    } else if (object > known.largestObject) known.largestObject = object;
  }

  find(object: Vi64): CachedObject | null {
    const present = this.objects[this.#indexOf(object)];
    return present !== undefined && present.object === object ? present : null;
  }

  /** The first object at or after `object`, or null. */
  from(object: Vi64): CachedObject | null {
    return this.objects[this.#indexOf(object)] ?? null;
  }

  /** When its newest object expires. */
  get newestExpiryMs(): number {
    return this.objects.at(-1)?.expiresMs ?? Number.NEGATIVE_INFINITY;
  }

  #indexOf(object: Vi64): number {
    const objects = this.objects;
    const last = objects.at(-1);
    if (last === undefined || object > last.object) return objects.length;
    let low = 0;
    let high = objects.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (objects[middle]!.object < object) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
