import type { Shape } from '@higgins/signals';
import { LIVE_BUFFER_BYTES_MAX, LIVE_BUFFER_OBJECTS_MAX } from '../limits.js';

/** An object as far as its order is concerned. */
export interface PlacedObject extends Place {
  /** The group before this one, where the publisher names it (object 0). */
  readonly previousGroup: number | null;
  /** The last object of that group, where the publisher names it. */
  readonly previousObject: number | null;
  readonly payload: Uint8Array;
}

/** The place of an object in its track. */
export interface Place {
  readonly group: number;
  readonly object: number;
}

/** What follows from an object or an event. */
export type Delivery<T> =
  /** The next object, in order and exactly once. */
  | { readonly kind: 'object'; readonly object: T }
  /** The newest place again: no news, but this copy may have been on the way for longer. */
  | { readonly kind: 'copy'; readonly object: T }
  /** Dropped: `old` came live behind a newer one, `repeat` came again by a fetch, `incomplete` lacks its snapshot. */
  | { readonly kind: 'dropped'; readonly object: T; readonly reason: 'old' | 'repeat' | 'incomplete' }
  /**
   * Something after `after` is missing on `way`; its live objects wait until a fetch has filled it in. `covered`: another
   * way has brought it, or brings it in its turn.
   */
  | { readonly kind: 'gap'; readonly after: Place | null; readonly way: Way; readonly covered: boolean }
  /** What is missing cannot be had any more; delivery goes on at `before` (event tracks only). */
  | { readonly kind: 'lost'; readonly after: Place | null; readonly before: Place };

/** Names one of the ways by which a track comes at the same time; each has a fetch and a live subscription. */
export type Way = number;

/** The way of those who have one only. */
const ONLY_WAY: Way = 0;

/**
 * Brings the objects of one track into order, from a fetch and a live subscription that overlap in time, or from several
 * such ways at once: what comes twice is delivered once.
 *
 * While a fetch is under way live objects wait, bounded, unless another way is in step already. A state track may skip
 * groups, never go back. A map track starts at any snapshot and follows only without a gap. An event track misses
 * nothing, or says so.
 */
export class TrackOrder<T extends PlacedObject> {
  readonly #shape: Shape;
  readonly #out: Delivery<T>[] = [];
  readonly #ways = new Set<Way>();
  /** The ways that a fetch is under way on; the others are in step. */
  readonly #fetching = new Set<Way>();
  /** Those whose fetch has come to a stretch that nobody knows. */
  readonly #unknown = new Set<Way>();
  #waiting: { readonly object: T; readonly way: Way }[] = [];
  #waitingBytes = 0;
  readonly #ended = new Set<number>();
  #last: Place | null;
  #newestGroup: number | null;

  /** `last`: the newest place that was delivered in an earlier life, such as from disk. */
  constructor(shape: Shape, last: Place | null) {
    this.#shape = shape;
    this.#last = last;
    this.#newestGroup = last?.group ?? null;
  }

  get last(): Place | null {
    return this.#last;
  }

  /** The newest group of which any object came, delivered or not; null: none did. */
  get newestGroup(): number | null {
    return this.#newestGroup;
  }

  /** True while a fetch is under way. */
  get fetching(): boolean {
    return this.#fetching.size > 0;
  }

  /** Live objects that wait, and their bytes. */
  get waiting(): { readonly objects: number; readonly bytes: number } {
    return { objects: this.#waiting.length, bytes: this.#waitingBytes };
  }

  /** The next delivery, or undefined; call until undefined after every other call. */
  next(): Delivery<T> | undefined {
    return this.#out.shift();
  }

  /** A fetch was sent that fills in what the live subscription lacks. */
  fetchStarted(way: Way = ONLY_WAY): void {
    this.#ways.add(way);
    this.#fetching.add(way);
  }

  /** An object of the fetch under way, or of the fallback; within a group in order. */
  fetched(object: T, way: Way = ONLY_WAY): void {
    const complete = !this.#unknown.delete(way);
    this.#see(object);
    if (this.#repeats(object, 'repeat')) return;
    if (this.#follows(object, complete)) this.#deliver(object);
    else if (this.#shape === 'event' && !this.#isCovered(way)) this.#deliverBehindLoss(object);
    else this.#out.push({ kind: 'dropped', object, reason: 'incomplete' });
  }

  /** What the fetch has next is not known to whoever answers it: something may be missing before the next object. */
  fetchUnknown(way: Way = ONLY_WAY): void {
    this.#unknown.add(way);
  }

  /** The fetch is over; `complete`: it came to its end, so what it left out is not to be had. What waited follows. */
  fetchEnded(complete: boolean, way: Way = ONLY_WAY): void {
    this.#fetching.delete(way);
    const known = !this.#unknown.delete(way);
    const waiting = this.#takeWaiting();
    const first = waiting.find(({ object }) => this.#isNewer(object))?.object;
    const lost = complete && this.#shape === 'event' && !this.#isCovered(way);
    if (lost && first !== undefined && !this.#follows(first, known)) this.#deliverBehindLoss(first);
    this.#offer(waiting.filter(({ object }) => object !== first || this.#isNewer(object)));
  }

  /** An object of the live subscription. */
  live(object: T, way: Way = ONLY_WAY): void {
    this.#see(object);
    this.#ways.add(way);
    if (this.#holdsBack(way)) this.#wait(object, way);
    else if (this.#repeats(object, 'old')) return;
    else if (this.#follows(object, false)) {
      this.#deliver(object);
      // The end of a group is known by the group behind it, whether or not its stream comes to an end.
      if (this.#waiting.some((waiting) => this.#follows(waiting.object, false))) this.#offer(this.#takeWaiting());
    } else {
      this.#wait(object, way);
      if (!this.#fetching.has(way) && !this.#mayStillCome(object)) this.#reportGap(way);
    }
  }

  /** Live objects wait for some before them that may still come, and nobody was asked for those. */
  get stalled(): boolean {
    return this.#waiting.some(({ way }) => !this.#fetching.has(way));
  }

  /** What live objects wait for has not come in time: it counts as missing. */
  patienceOver(): void {
    for (const way of new Set(this.#waiting.map((waiting) => waiting.way))) {
      if (!this.#fetching.has(way)) this.#reportGap(way);
    }
  }

  /** Every object of the group has come. */
  groupEnded(group: number, way: Way = ONLY_WAY): void {
    const last = this.#last;
    if (this.#shape !== 'event' || (last !== null && group < last.group)) return;
    if (this.#ended.size < LIVE_BUFFER_OBJECTS_MAX) this.#ended.add(group);
    if (group === last?.group && !this.#holdsBack(way)) this.#offer(this.#takeWaiting());
  }

  /** The stream of a group ended early: what it still had is missing. */
  groupReset(group: number, way: Way = ONLY_WAY): void {
    const affected = this.#shape !== 'state' && (this.#last === null || group >= this.#last.group);
    if (affected && !this.#fetching.has(way)) this.#reportGap(way);
  }

  /** The way is gone: what waited came over it, and comes again with the next one. */
  disconnected(way: Way = ONLY_WAY): void {
    this.#ways.delete(way);
    this.#fetching.delete(way);
    this.#unknown.delete(way);
    this.#waiting = this.#waiting.filter((waiting) => waiting.way !== way);
    this.#waitingBytes = this.#waiting.reduce((sum, { object }) => sum + object.payload.length, 0);
    if (this.#ways.size === 0) this.#ended.clear();
  }

  /** Another way is in step: what this one lacks comes over that one. */
  #isCovered(way: Way): boolean {
    for (const other of this.#ways) if (other !== way && !this.#fetching.has(other)) return true;
    return false;
  }

  #holdsBack(way: Way): boolean {
    return this.#fetching.has(way) && !this.#isCovered(way);
  }

  // In order. What follows nothing is worthless on a map as soon as a newer snapshot is there.
  #offer(waiting: readonly { readonly object: T; readonly way: Way }[]): void {
    const newestSnapshot = this.#shape === 'map' ? waiting.findLastIndex(({ object }) => object.object === 0) : -1;
    for (const [index, { object, way }] of waiting.entries()) {
      const worthless = index < newestSnapshot && this.#isNewer(object) && !this.#follows(object, false);
      if (worthless) this.#out.push({ kind: 'dropped', object, reason: 'incomplete' });
      else this.live(object, way);
    }
  }

  #repeats(object: T, reason: 'old' | 'repeat'): boolean {
    if (this.#isNewer(object)) return false;
    const copy = this.#last !== null && comparePlaces(object, this.#last) === 0;
    this.#out.push(copy ? { kind: 'copy', object } : { kind: 'dropped', object, reason });
    return true;
  }

  /** `complete`: all that there is between the last object and this one has come. */
  #follows(object: T, complete: boolean): boolean {
    if (this.#shape === 'state') return true;
    const last = this.#last;
    if (last !== null && object.group === last.group) return object.object === last.object + 1;
    if (object.object !== 0) return false;
    if (this.#shape === 'map' || last === null) return true;
    const { previousGroup, previousObject } = object;
    if (previousGroup === last.group && previousObject !== null) return last.object >= previousObject;
    const nothingBetween = previousGroup === null || previousGroup <= last.group;
    return nothingBetween && (complete || this.#ended.has(last.group));
  }

  // On an event track the next group may overtake the end of the last one, as each has a stream of its own.
  #mayStillCome(object: T): boolean {
    const last = this.#last;
    if (this.#shape !== 'event' || last === null || object.group === last.group) return false;
    return !this.#ended.has(last.group);
  }

  #deliver(object: T): void {
    if (this.#last !== null && object.group !== this.#last.group) this.#ended.delete(this.#last.group);
    this.#last = { group: object.group, object: object.object };
    this.#out.push({ kind: 'object', object });
  }

  #deliverBehindLoss(object: T): void {
    this.#out.push({ kind: 'lost', after: this.#last, before: { group: object.group, object: object.object } });
    this.#deliver(object);
  }

  #see({ group }: T): void {
    if (this.#newestGroup === null || group > this.#newestGroup) this.#newestGroup = group;
  }

  #reportGap(way: Way): void {
    this.#fetching.add(way);
    this.#out.push({ kind: 'gap', after: this.#last, way, covered: this.#isCovered(way) });
  }

  #wait(object: T, way: Way): void {
    this.#waiting.push({ object, way });
    this.#waitingBytes += object.payload.length;
    let overflown = false;
    while (this.#isFull()) {
      this.#waitingBytes -= this.#waiting.shift()?.object.payload.length ?? 0;
      overflown = true;
    }
    if (overflown && !this.#fetching.has(way)) this.#reportGap(way);
  }

  #isFull(): boolean {
    if (this.#waiting.length <= 1) return false;
    return this.#waiting.length > LIVE_BUFFER_OBJECTS_MAX || this.#waitingBytes > LIVE_BUFFER_BYTES_MAX;
  }

  #takeWaiting(): { readonly object: T; readonly way: Way }[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    return waiting.sort((a, b) => comparePlaces(a.object, b.object));
  }

  #isNewer(object: T): boolean {
    return this.#last === null || comparePlaces(object, this.#last) > 0;
  }
}

/** Negative if `a` comes first, 0 if equal, positive if `b` comes first. */
export function comparePlaces(a: Place, b: Place): number {
  return a.group - b.group || a.object - b.object;
}
