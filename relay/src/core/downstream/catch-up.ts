import { type GroupOrder, PublishDoneCode, type Vi64 } from '@higgins/protocol';
import type { ReceiverSet } from '@higgins/transport';
import type { CachedObject } from '../cache/cached-object.js';
import type { RelayContext, SetListener } from '../relay-context.js';
import type { Track } from '../track.js';
import { encodeHead, encodeObject } from '../wire.js';
import type { FanOut } from './fan-out.js';
import { inOrder, type LiveSubgroup } from './live-subgroup.js';
import type { SharedSetOwner } from './shared-set.js';
import type { Subscription } from './subscription.js';
import { endSubscription } from './subscriptions.js';
import { TimedReceiver } from './timed-receiver.js';

const NO_BYTES = new Uint8Array(0);

/** Streams per track whose keys are remembered, 100 bytes each: a miss that is told later than that cannot be made good. */
const KEYS_MAX = 512;

/** After so many groups without a miss a subscriber shares its streams with the others again. */
const GROUPS_UNTIL_SHARED = 2;

/**
 * What becomes of subscribers that could not take a stream: those that allow groups to be skipped get the newest one
 * as soon as they can take it, all others get everything from the cache, or their subscription ends.
 *
 * Nothing is queued per subscriber but references to Subgroups; the bytes stay in the cache.
 */
export class CatchUp implements SharedSetOwner {
  readonly #context: RelayContext;
  readonly #track: Track;
  readonly #fanOut: FanOut;
  readonly #byKey = new Map<number, LiveSubgroup>();
  #keys = 0;

  constructor(context: RelayContext, track: Track, fanOut: FanOut) {
    this.#context = context;
    this.#track = track;
    this.#fanOut = fanOut;
  }

  nextKey(): number {
    return this.#keys++;
  }

  remember(live: LiveSubgroup, key = live.key): void {
    this.#byKey.set(key, live);
    if (this.#byKey.size <= KEYS_MAX) return;
    for (const oldest of this.#byKey.keys()) {
      this.#byKey.delete(oldest);
      return;
    }
  }

  /** What is not cached any more cannot be sent again: its streams need not be known. */
  groupEvicted(group: Vi64): void {
    for (const [key, live] of this.#byKey) if (live.group === group && live.ended) this.#byKey.delete(key);
  }

  /** Unacknowledged bytes from which on a subscription is given no new group. */
  backlogLimit(conflating: boolean, order: GroupOrder): number {
    const { conflationBacklogBytes, subscriptionBacklogBytes } = this.#context.limits;
    // The transport sends streams of equal priority in the order they were opened: newer groups can go first only if
    // older ones are still here.
    if (order === 'descending') return conflationBacklogBytes;
    return conflating && this.#track.policy.shape !== null ? conflationBacklogBytes : subscriptionBacklogBytes;
  }

  mayShare(subscription: Subscription): boolean {
    if (subscription.pending || subscription.subgroupTimeoutMs !== Number.POSITIVE_INFINITY) return false;
    if (subscription.recovering && subscription.takenInARow < GROUPS_UNTIL_SHARED) return false;
    subscription.recovering = false;
    return true;
  }

  /** An object for streams of a Subgroup; `previous`: the object before it there. */
  encode(object: CachedObject, previous: Vi64 | null, live: LiveSubgroup, fromCache: boolean): Uint8Array {
    const { hasProperties } = live.feed;
    const properties = hasProperties
      ? this.#track.propertiesAt(object, this.#context.nowMs, fromCache)
      : object.properties;
    return encodeObject(object, properties, previous, hasProperties);
  }

  /** Opens a Subgroup's stream for one subscriber, starting with `object`. */
  openSingly(subscription: Subscription, live: LiveSubgroup, object: CachedObject): void {
    if (subscription.pending) {
      live.singles.delete(subscription);
      subscription.heldFrom.set(live, object.object);
      this.#note(subscription, live);
      return;
    }
    if (subscription.conflating && subscription.behindSinceMs !== null) {
      live.singles.delete(subscription);
      this.#note(subscription, live);
      return;
    }
    const own = this.#openOwn(subscription, live, object.object);
    own.append(live.singles.get(subscription)!, this.encode(object, null, live, false), false);
    subscription.takenInARow++;
  }

  missed(subscription: Subscription, key: number): void {
    const live = this.#byKey.get(key);
    subscription.takenInARow = 0;
    if (live === undefined) {
      if (!subscription.conflating) this.#tooFarBehind(subscription);
      return;
    }
    live.singles.delete(subscription);
    if (subscription.behindSinceMs === null) {
      subscription.behindSinceMs = this.#context.nowMs;
      const { limits, nowMs, timers } = this.#context;
      if (!subscription.conflating) timers.schedule(subscription.timer, nowMs + limits.behindMsMax);
    }
    this.#note(subscription, live);
  }

  drained(subscription: Subscription): void {
    const { missed } = subscription;
    subscription.missed = [];
    subscription.behindSinceMs = null;
    this.#context.timers.cancel(subscription.timer);
    if (missed.length === 0) return;
    if (!subscription.conflating) {
      missed.sort(inOrder(subscription.groupOrder));
      for (const live of missed) if (subscription.state === 'established') this.#resend(subscription, live);
      return;
    }
    // Either the newest one was missed too, or it is with the subscriber, or its own miss is still to be told.
    if (missed[0]!.group !== this.#fanOut.newest?.group) {
      this.#context.counters.conflated += missed.length;
      return;
    }
    subscription.recovering = true;
    this.#fanOut.takeOut(subscription);
    for (const live of missed) this.#resend(subscription, live);
  }

  /** The peer has accepted a PUBLISH: it gets what has come since then. */
  release(subscription: Subscription): void {
    const { missed } = subscription;
    const newest = this.#fanOut.newest?.group;
    subscription.missed = [];
    for (const live of missed) {
      if (subscription.state !== 'established') break;
      if (!subscription.conflating || live.group === newest) this.#resend(subscription, live);
    }
    subscription.heldFrom.clear();
  }

  /** The subscription ends or pauses. */
  forget(subscription: Subscription, resetCode: number): void {
    const { own, peer } = subscription;
    this.#context.timers.cancel(subscription.timer);
    subscription.missed = [];
    subscription.heldFrom.clear();
    subscription.behindSinceMs = null;
    if (own === null) return;
    subscription.streamsOpened += own.remove(peer.connection, resetCode);
    own.close();
    subscription.own = null;
  }

  /** Remembers what the subscriber lacks: everything, or the newest group only. */
  #note(subscription: Subscription, live: LiveSubgroup): void {
    const { missed } = subscription;
    const pending = missed[0];
    if (!subscription.conflating) {
      missed.push(live);
      if (missed.length > this.#context.limits.behindGroupsMax) this.#tooFarBehind(subscription);
    } else if (pending === undefined || live.group === pending.group) {
      if (!missed.includes(live)) missed.push(live);
    } else {
      const older = live.group > pending.group ? missed.length : 1;
      this.#context.counters.conflated += older;
      if (live.group > pending.group) subscription.missed = [live];
    }
  }

  /** Writes a Subgroup from the cache, and what is still to come of it afterwards. */
  #resend(subscription: Subscription, live: LiveSubgroup): void {
    const objects = this.#deliverable(subscription, live);
    const first = objects[0];
    if (first === undefined) {
      const lost = this.#track.cache.group(live.group) === null;
      if (lost && !subscription.conflating) this.#tooFarBehind(subscription);
      else this.#context.counters.dropped++;
      return;
    }
    const own = this.#openOwn(subscription, live, first.object);
    const key = live.singles.get(subscription)!;
    let previous = null;
    for (const object of objects) {
      own.append(key, this.encode(object, previous, live, true), false);
      previous = object.object;
      this.#context.counters.delivered++;
    }
    if (!live.ended) return;
    live.singles.delete(subscription);
    if (live.complete) own.append(key, NO_BYTES, true);
  }

  #deliverable(subscription: Subscription, live: LiveSubgroup): CachedObject[] {
    const { cache } = this.#track;
    const { nowMs } = this.#context;
    const group = cache.group(live.group);
    if (group === null) return [];
    const from = subscription.heldFrom.get(live) ?? 0;
    const due = group.objects.filter(
      (object) =>
        object.subgroup === live.subgroup && object.object >= from && subscription.wants(object.group, object.object),
    );
    // One that is too late takes the rest of its Subgroup with it (draft-18 §8).
    const late = due.some(({ receivedMs }) => nowMs - receivedMs > subscription.deliveryTimeoutMs);
    return late ? [] : due.filter((object) => cache.isValid(group, object, nowMs));
  }

  #openOwn(subscription: Subscription, live: LiveSubgroup, first: CachedObject['object']): ReceiverSet {
    const own = this.#ownSet(subscription);
    const key = this.nextKey();
    this.remember(live, key);
    live.singles.set(subscription, key);
    const firstObject = live.startsSubgroup && first === live.firstObject;
    own.open(key, encodeHead(subscription.alias, live, firstObject, live.feed.hasProperties), {
      publisherPriority: live.publisherPriority,
      ifBacklogBelow: this.backlogLimit(subscription.conflating, subscription.groupOrder),
    });
    return own;
  }

  #ownSet(subscription: Subscription): ReceiverSet {
    if (subscription.own !== null) return subscription.own;
    const listener: SetListener = {
      missed: (_receiver, key) => this.missed(subscription, key),
      drained: () => this.drained(subscription),
    };
    const { subgroupTimeoutMs } = subscription;
    const own =
      subgroupTimeoutMs === Number.POSITIVE_INFINITY
        ? this.#context.receiverSet(listener)
        : new TimedReceiver(this.#context, subgroupTimeoutMs, listener);
    own.add(subscription.peer.connection, subscription.priority);
    subscription.own = own;
    return own;
  }

  #tooFarBehind(subscription: Subscription): void {
    this.#context.counters.tooFarBehind++;
    endSubscription(this.#context, subscription, PublishDoneCode.TOO_FAR_BEHIND, 'subscriber is too far behind');
  }
}
