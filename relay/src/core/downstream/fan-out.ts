import { add, compareLocations, type Location, StreamResetCode, type Vi64 } from '@higgins/protocol';
import type { CachedObject } from '../cache/cached-object.js';
import type { TrackCache } from '../cache/track-cache.js';
import { FIRST_LOCATION } from '../locations.js';
import type { RelayContext } from '../relay-context.js';
import type { Track } from '../track.js';
import { encodeDatagram, encodeHead } from '../wire.js';
import { CatchUp } from './catch-up.js';
import { LiveSubgroup, type SubgroupFeed } from './live-subgroup.js';
import { SharedSet } from './shared-set.js';
import type { Subscription } from './subscription.js';

const NO_BYTES = new Uint8Array(0);

/** Object IDs between two objects that are looked at to tell whether they follow each other. */
const NEIGHBOURS_MAX = 64;

/** Subgroups of one track that wait for more without an upstream stream; the oldest beyond it is reset. */
const ORPHANS_MAX = 64;

/**
 * Hands the objects of one track to its subscribers. Each object's bytes go out once per set however many receivers
 * there are; receivers that joined in mid-stream, or whose filter differs, are written singly.
 */
export class FanOut {
  readonly #context: RelayContext;
  readonly #track: Track;
  readonly #sets: SharedSet[] = [];
  /** Established subscriptions outside of shared sets. */
  readonly #singly = new Set<Subscription>();
  readonly #live = new Map<Vi64, LiveSubgroup[]>();
  readonly #catchUp: CatchUp;
  /** The Subgroup last opened in the newest group. */
  newest: LiveSubgroup | null = null;

  constructor(context: RelayContext, track: Track) {
    this.#context = context;
    this.#track = track;
    this.#catchUp = new CatchUp(context, track, this);
  }

  /** Starts to serve a subscription with the objects from now on that pass its filter. */
  join(subscription: Subscription): void {
    if (!subscription.forward) return;
    this.#singly.add(subscription);
    this.#share(subscription, this.#track.largest);
    for (const live of this.#allLive()) live.singles.set(subscription, null);
  }

  /** Stops to serve it; streams that are not finished are reset. */
  leave(subscription: Subscription, resetCode: number): void {
    this.#singly.delete(subscription);
    subscription.shared?.remove(subscription, resetCode);
    this.#catchUp.forget(subscription, resetCode);
    for (const live of this.#allLive()) live.singles.delete(subscription);
    this.#closeEmptySets();
  }

  /** The peer has accepted a PUBLISH: it gets what has come since then, and from now on everything as it comes. */
  release(subscription: Subscription): void {
    this.#catchUp.release(subscription);
  }

  reprioritize(subscription: Subscription): void {
    const { connection } = subscription.peer;
    subscription.shared?.set.setPriority(connection, subscription.priority);
    subscription.own?.setPriority(connection, subscription.priority);
  }

  /** Serves a subscription on streams of its own for a while; what it has not got in full yet is reset. */
  takeOut(subscription: Subscription, resetCode: number = StreamResetCode.CANCELLED): void {
    subscription.shared?.remove(subscription, resetCode);
    this.#singly.add(subscription);
  }

  /** The Subgroup that is being forwarded, or null. */
  live(group: Vi64, subgroup: Vi64): LiveSubgroup | null {
    for (const live of this.#live.get(group) ?? []) if (live.subgroup === subgroup) return live;
    return null;
  }

  /**
   * Forwards a new object. `feed`: the upstream stream that it came on, or a made-up one for an object that was fetched.
   * Returns the Subgroup that it went to, or null if it cannot be forwarded.
   */
  forward(object: CachedObject, feed: SubgroupFeed): LiveSubgroup | null {
    if (object.subgroup === null) return null;
    let live = this.live(object.group, object.subgroup);
    if (live !== null && !continues(live, object, feed, this.#track.cache)) {
      this.reset(live, StreamResetCode.INTERNAL_ERROR);
      live = null;
    }
    if (live === null) return this.#open(object, object.subgroup, feed);
    this.#append(live, object, live.lastObject);
    live.fedBy = feed;
    return live;
  }

  /** Forwards an object that belongs to no Subgroup (draft-18 §11.3). What a receiver can't take is lost. */
  forwardDatagram(object: CachedObject, endOfGroup: boolean): void {
    const { nowMs } = this.#context;
    const ageMs = nowMs - object.receivedMs;
    const properties = this.#track.propertiesAt(object, nowMs, false);
    let alias: Vi64 | null = null;
    let bytes: Uint8Array = NO_BYTES;
    for (const subscription of this.#track.subscriptions) {
      if (subscription.pending || !subscription.wants(object.group, object.object)) continue;
      if (ageMs > Math.min(subscription.deliveryTimeoutMs, subscription.subgroupTimeoutMs)) continue;
      // One track has one alias in almost all sessions.
      if (subscription.alias !== alias) {
        alias = subscription.alias;
        bytes = encodeDatagram(alias, object, properties, endOfGroup);
      }
      if (subscription.peer.connection.datagram(bytes)) this.#context.counters.delivered++;
      else this.#context.counters.dropped++;
    }
  }

  /** FIN: every object of the Subgroup has been forwarded. */
  end(live: LiveSubgroup): void {
    if (live.ended) return;
    live.complete = true;
    for (const set of live.sets) set.set.append(live.key, NO_BYTES, true);
    for (const [subscription, key] of live.singles) if (key !== null) subscription.own?.append(key, NO_BYTES, true);
    this.#close(live);
  }

  /** Abandons a Subgroup: some of its objects will not be forwarded. */
  reset(live: LiveSubgroup, code: number): void {
    if (live.ended) return;
    for (const set of live.sets) set.set.reset(live.key, code);
    for (const [subscription, key] of live.singles) if (key !== null) subscription.own?.reset(key, code);
    this.#close(live);
  }

  /** The group is no longer cached: what still waits for more of it is given up. */
  groupEvicted(group: Vi64): void {
    for (const live of [...(this.#live.get(group) ?? [])]) {
      if (live.fedBy === null) this.reset(live, StreamResetCode.CANCELLED);
    }
    this.#catchUp.groupEvicted(group);
  }

  /** Ends every open stream: nothing more comes on this track. */
  endAll(): void {
    for (const live of [...this.#allLive()]) this.end(live);
    this.newest = null;
  }

  /** Lets go of everything. */
  close(): void {
    for (const set of this.#sets) set.set.close();
    this.#sets.length = 0;
  }

  #open(object: CachedObject, subgroup: Vi64, feed: SubgroupFeed): LiveSubgroup {
    const live = new LiveSubgroup(this.#catchUp.nextKey(), { ...object, subgroup }, feed);
    this.#catchUp.remember(live);
    this.#add(live);
    const outdated = this.#track.policy.shape !== null && this.newest !== null && live.group < this.newest.group;
    if (this.newest === null || live.group >= this.newest.group) this.newest = live;
    for (const subscription of this.#singly) {
      if (!this.#share(subscription, object) && !(outdated && subscription.conflating)) {
        live.singles.set(subscription, null);
      }
    }
    for (const set of this.#sets) if (!(outdated && set.conflating)) this.#openAt(set, live, object);
    this.#append(live, object, null);
    return live;
  }

  #openAt(set: SharedSet, live: LiveSubgroup, object: CachedObject): void {
    if (set.members.size === 0) return;
    if (!set.suits(object)) {
      for (const member of set.members.values()) live.singles.set(member, null);
      return;
    }
    set.set.open(live.key, encodeHead(set.alias, live, live.startsSubgroup, live.feed.hasProperties), {
      publisherPriority: live.publisherPriority,
      ifBacklogBelow: this.#catchUp.backlogLimit(set.conflating, set.order),
    });
    live.sets.push(set);
    this.#context.counters.fanOutCalls++;
  }

  #append(live: LiveSubgroup, object: CachedObject, previous: Vi64 | null): void {
    const { counters } = this.#context;
    if (this.#context.nowMs > object.receivedMs) this.#dropLate(live, object);
    // Without a receiver nothing is encoded.
    let bytes: Uint8Array | null = null;
    const encoded = () => this.#catchUp.encode(object, previous, live, false);
    for (const set of live.sets) {
      bytes ??= encoded();
      set.set.append(live.key, bytes, false);
      counters.fanOutCalls++;
      counters.delivered += set.members.size;
    }
    for (const [subscription, key] of live.singles) {
      if (!subscription.wants(object.group, object.object)) continue;
      if (key === null) this.#catchUp.openSingly(subscription, live, object);
      else {
        bytes ??= encoded();
        subscription.own?.append(key, bytes, false);
      }
      counters.delivered++;
    }
    live.lastObject = object.object;
  }

  /** An object that was held back is too late for some: they get no more of its Subgroup (draft-18 §8). */
  #dropLate(live: LiveSubgroup, object: CachedObject): void {
    const ageMs = this.#context.nowMs - object.receivedMs;
    for (const set of live.sets) {
      for (const member of set.members.values()) {
        if (ageMs > member.deliveryTimeoutMs) this.takeOut(member, StreamResetCode.DELIVERY_TIMEOUT);
      }
    }
    for (const [subscription, key] of live.singles) {
      if (subscription.pending || ageMs <= subscription.deliveryTimeoutMs) continue;
      if (key !== null) subscription.own?.reset(key, StreamResetCode.DELIVERY_TIMEOUT);
      live.singles.delete(subscription);
      this.#context.counters.dropped++;
    }
  }

  /** Puts a subscription into the set for its kind, if everything from `next` on is due to it. */
  #share(subscription: Subscription, next: Location | null): boolean {
    const { start } = subscription;
    if (subscription.endGroup !== null || !this.#catchUp.mayShare(subscription)) return false;
    // A start further ahead than the next group would keep the whole set from sharing a stream until then.
    const bound = next === null ? FIRST_LOCATION : { group: add(next.group, 1), object: 0 };
    if (compareLocations(start, bound) > 0) return false;
    this.#singly.delete(subscription);
    this.#setFor(subscription).add(subscription);
    return true;
  }

  #setFor(subscription: Subscription): SharedSet {
    const found = this.#sets.find((set) => set.fits(subscription));
    if (found !== undefined) return found;
    const set = new SharedSet(this.#context, subscription, this.#catchUp);
    this.#sets.push(set);
    return set;
  }

  #closeEmptySets(): void {
    for (let index = this.#sets.length - 1; index >= 0; index--) {
      const set = this.#sets[index]!;
      if (set.members.size > 0) continue;
      set.set.close();
      this.#sets.splice(index, 1);
    }
  }

  #add(live: LiveSubgroup): void {
    const group = this.#live.get(live.group);
    if (group === undefined) this.#live.set(live.group, [live]);
    else group.push(live);
    let orphans = this.#live.size - ORPHANS_MAX;
    for (const other of orphans > 0 ? [...this.#allLive()] : []) {
      if (orphans-- > 0 && other.fedBy === null) this.reset(other, StreamResetCode.CANCELLED);
    }
  }

  #close(live: LiveSubgroup): void {
    live.ended = true;
    live.fedBy = null;
    live.feed.live = null;
    live.sets.length = 0;
    live.singles.clear();
    const group = this.#live.get(live.group);
    const at = group?.indexOf(live) ?? -1;
    if (group === undefined || at < 0) return;
    group.splice(at, 1);
    if (group.length === 0) this.#live.delete(live.group);
  }

  *#allLive(): Generator<LiveSubgroup> {
    for (const group of this.#live.values()) yield* group;
  }
}

/**
 * Whether an object is the next of its Subgroup for sure (draft-18 §11.4.3): by its id, by the upstream stream that it
 * came on, or because all between is known to be something else or nothing.
 */
function continues(live: LiveSubgroup, object: CachedObject, feed: SubgroupFeed, cache: TrackCache): boolean {
  const { lastObject, subgroup } = live;
  if (object.object <= lastObject) return false;
  if (feed.previousReceived === lastObject || object.object === add(lastObject, 1)) return true;
  if (Number(object.object) - Number(lastObject) > NEIGHBOURS_MAX) return false;
  const group = cache.group(object.group);
  for (let id = add(lastObject, 1); id < object.object; id = add(id, 1)) {
    const between = group?.find(id) ?? null;
    const isOther =
      between === null ? cache.known.at({ group: object.group, object: id }) !== null : between.subgroup !== subgroup;
    if (!isOther) return false;
  }
  return true;
}
