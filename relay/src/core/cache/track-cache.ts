import { type Location, VI64_MAX, type Vi64 } from '@higgins/protocol';
import type { TimerWheel } from '../timer-wheel.js';
import type { CacheBudget, GroupOwner } from './budget.js';
import { CachedGroup, type Insertion } from './cached-group.js';
import { type CachedObject, costOf, equalBytes } from './cached-object.js';
import { KnownRanges } from './known-ranges.js';

export type { LocationRange } from './known-ranges.js';

/** What a track's cache needs of its relay. */
export interface TrackCacheOptions {
  readonly budget: CacheBudget;
  readonly timers: TimerWheel;
  readonly historyBytesMax: number;
  readonly historyMs: number;
  /** A map group lives as long as its newest object; otherwise every object for itself. */
  readonly groupLivesByNewest: () => boolean;
  /** Only the newest group counts: when that has expired, an older one is no value any more. */
  readonly newestIsState: () => boolean;
  /** Someone is being sent older groups: those go only for want of room in the budget. */
  readonly historyInUse: () => boolean;
  /** A group has left the cache; `expired` if its time was up. */
  readonly onEvicted: (group: CachedGroup, expired: boolean) => void;
}

/** How long objects of a map that were too old when they came wait for the newer ones of their group. */
const STALE_GROUP_MS = 5_000;

/**
 * The cached groups of one track: the newest complete one and those in progress, and older ones within bytes and time.
 * Whoever hands out an object asks `isValid` first.
 */
export class TrackCache implements GroupOwner {
  readonly known = new KnownRanges();
  readonly #groups: CachedGroup[] = [];
  readonly #options: TrackCacheOptions;
  #bytes = 0;

  constructor(options: TrackCacheOptions) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get empty(): boolean {
    return this.#groups.length === 0;
  }

  /** Ascending. The array is the cache's own. */
  get groups(): readonly CachedGroup[] {
    return this.#groups;
  }

  group(group: Vi64): CachedGroup | null {
    const found = this.#groups[this.#indexOf(group)];
    return found !== undefined && found.group === group ? found : null;
  }

  newest(): CachedGroup | null {
    return this.#groups.at(-1) ?? null;
  }

  /** What `insert` would say, without keeping anything. */
  probe(object: CachedObject): Insertion {
    const found = this.group(object.group)?.probe(object) ?? 'added';
    return found === 'added' && this.known.at(object) !== null ? 'absent' : found;
  }

  /** The properties of another copy take the place of the cached ones: they are the more recent (draft-18 §2.5). */
  refresh(object: CachedObject): void {
    const group = this.group(object.group);
    const present = group?.find(object.object) ?? null;
    if (group === null || present === null || equalBytes(present.properties, object.properties)) return;
    const grownBytes = object.properties.length - present.properties.length;
    group.replace({ ...present, properties: object.properties });
    this.#bytes += grownBytes;
    this.#options.budget.resize(grownBytes, group);
  }

  /** Adds an object that `probe` found new, and makes its Location known. Evicts what no longer fits. */
  insert(object: CachedObject): void {
    const cost = costOf(object);
    if (!this.#options.budget.fits(cost)) return;
    const group = this.group(object.group) ?? this.#newGroup(object.group, object.receivedMs);
    group.insert(object);
    if (object.expiresMs <= object.receivedMs) group.keptUntilMs = object.receivedMs + STALE_GROUP_MS;
    this.#bytes += cost;
    const place: Location = { group: object.group, object: object.object };
    this.known.add(place, place);
    this.#schedule(group);
    this.#options.budget.grow(cost, group);
    this.trimHistory();
  }

  /** The group's last object is known: nothing exists behind it. */
  endGroup(group: Vi64, finalObject: Vi64, nowMs: number): void {
    const cached = this.group(group);
    if (cached === null) return;
    cached.finalObject = finalObject;
    this.known.add({ group, object: finalObject }, { group, object: VI64_MAX });
    this.settle(cached, nowMs);
  }

  /** Something of the group has ended; if that completes it, older groups become history. */
  settle(group: CachedGroup, nowMs: number): void {
    if (group.complete) this.#supersedeBefore(group, nowMs);
  }

  /** The first object at or after `location`, whether or not its time is up; null if there is none. */
  next(location: Location): CachedObject | null {
    for (let index = this.#indexOf(location.group); index < this.#groups.length; index++) {
      const group = this.#groups[index]!;
      const object = group.from(group.group === location.group ? location.object : 0);
      if (object !== null) return object;
    }
    return null;
  }

  /** Whether an object of the group may still be handed out. */
  isValid(group: CachedGroup, object: CachedObject, nowMs: number): boolean {
    return nowMs < (this.#options.groupLivesByNewest() ? group.newestExpiryMs : object.expiresMs);
  }

  evict(group: CachedGroup): void {
    this.#remove(group, false);
  }

  /** Drops the groups before `group`. */
  dropBefore(group: Vi64): void {
    for (const older of this.#groups.slice(0, this.#indexOf(group))) this.#remove(older, false);
  }

  /** Drops everything. */
  clear(): void {
    for (const group of [...this.#groups]) this.#remove(group, false);
  }

  /** Drops what there is of older groups beyond the bytes for them. */
  trimHistory(): void {
    if (this.#bytes <= this.#options.historyBytesMax || this.#options.historyInUse()) return;
    while (this.#bytes > this.#options.historyBytesMax) {
      const oldest = this.#groups[0];
      if (oldest === undefined || oldest.supersededMs === null) return;
      this.#remove(oldest, false);
    }
  }

  #newGroup(group: Vi64, receivedMs: number): CachedGroup {
    const cached = new CachedGroup(group, (expired) => this.#timeUp(expired));
    this.#groups.splice(this.#indexOf(group), 0, cached);
    this.#options.budget.enter(cached, this);
    const next = this.#groups[this.#indexOf(group) + 1];
    // One that was fetched later than the newer one came is history from then on.
    if (next?.complete) this.#supersede(cached, Math.max(receivedMs, next.objects[0]!.receivedMs));
    return cached;
  }

  #supersedeBefore(newer: CachedGroup, nowMs: number): void {
    for (let index = this.#indexOf(newer.group) - 1; index >= 0; index--) {
      const older = this.#groups[index]!;
      if (older.supersededMs !== null) return;
      this.#supersede(older, nowMs);
    }
  }

  #supersede(group: CachedGroup, nowMs: number): void {
    group.supersededMs = nowMs;
    this.#options.budget.supersede(group);
    this.#schedule(group);
  }

  #dueMs(group: CachedGroup): number {
    const expiryMs = Math.max(this.#expiryMs(group), group.keptUntilMs);
    return group.supersededMs === null ? expiryMs : Math.min(expiryMs, group.supersededMs + this.#options.historyMs);
  }

  #expiryMs(group: CachedGroup): number {
    return this.#options.groupLivesByNewest() ? group.newestExpiryMs : group.lastExpiryMs;
  }

  #schedule(group: CachedGroup): void {
    const dueMs = this.#dueMs(group);
    if (dueMs === Number.POSITIVE_INFINITY) this.#options.timers.cancel(group.timer);
    else this.#options.timers.schedule(group.timer, dueMs);
  }

  #timeUp(group: CachedGroup): void {
    const expired = this.#expiryMs(group) <= group.timer.dueMs;
    this.#remove(group, expired);
    if (expired && this.#options.newestIsState()) this.dropBefore(group.group);
  }

  #remove(group: CachedGroup, expired: boolean): void {
    const at = this.#indexOf(group.group);
    if (this.#groups[at] !== group) return;
    this.#groups.splice(at, 1);
    this.#bytes -= group.bytes;
    this.#options.timers.cancel(group.timer);
    this.#options.budget.leave(group);
    this.known.removeGroup(group.group);
    this.#options.onEvicted(group, expired);
  }

  /** Where the group stands, or would stand. */
  #indexOf(group: Vi64): number {
    const groups = this.#groups;
    const last = groups.at(-1);
    if (last === undefined || group > last.group) return groups.length;
    let low = 0;
    let high = groups.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (groups[middle]!.group < group) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
