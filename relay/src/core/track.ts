import { compareLocations, type FullTrackName, type Location, UNCOUNTED_HOLD_MS } from '@higgins/protocol';
import type { CachedGroup } from './cache/cached-group.js';
import type { CachedObject } from './cache/cached-object.js';
import { DeclaredGaps } from './cache/declared-gaps.js';
import { TrackCache } from './cache/track-cache.js';
import { FanOut } from './downstream/fan-out.js';
import type { FetchResponse } from './downstream/fetch-response.js';
import type { Subscription } from './downstream/subscription.js';
import { laterOrNull } from './locations.js';
import type { Peer } from './peer.js';
import { FOREIGN_POLICY, readTrackPolicy, type TrackPolicy, withAge } from './properties.js';
import type { RelayContext } from './relay-context.js';
import { type WheelTimer, wheelTimer } from './timer-wheel.js';
import type { Fill } from './upstream/fill.js';
import type { Source } from './upstream/source.js';

const NO_PROPERTIES = new Uint8Array(0);

/** Everything that the relay knows of one track: where it comes from, what is cached, who gets it. */
export class Track {
  readonly name: FullTrackName;
  /** The alias that downstream sessions get wherever they have it free (one track, one alias). */
  readonly alias: number;
  properties: Uint8Array = NO_PROPERTIES;
  policy: TrackPolicy = FOREIGN_POLICY;
  /** LARGEST_OBJECT towards subscribers (draft-18 §10.2.10). */
  largest: Location | null = null;
  /** From here on no object exists; null: the track goes on, as far as is known (draft-18 §11.2.1.1). */
  end: Location | null = null;
  readonly gaps = new DeclaredGaps();
  readonly cache: TrackCache;
  readonly fanOut: FanOut;
  /** Upstream subscriptions, at most one per session. */
  readonly sources = new Map<Peer, Source>();
  readonly fills = new Set<Fill>();
  /** Established subscriptions of others. */
  readonly subscriptions = new Set<Subscription>();
  /** Subscriptions of others that wait for a publisher. */
  readonly waiting = new Set<Subscription>();
  readonly fetches = new Set<FetchResponse>();
  /** Ends what is held without a subscriber. */
  readonly lingerTimer: WheelTimer;
  /** Ends the PUBLISHes of ours when no publisher has come back. */
  readonly orphanTimer: WheelTimer;
  /** Tries again to subscribe where that failed. */
  readonly retryTimer: WheelTimer;
  /** Failures in a row, which space the attempts. */
  failures = 0;
  /** Groups that an upstream reset since one came to its end; they space the attempts too. */
  resets = 0;

  constructor(
    context: RelayContext,
    name: FullTrackName,
    alias: number,
    timers: { linger: () => void; orphan: () => void; retry: () => void; emptied: () => void },
  ) {
    this.name = name;
    this.alias = alias;
    this.lingerTimer = wheelTimer(timers.linger);
    this.orphanTimer = wheelTimer(timers.orphan);
    this.retryTimer = wheelTimer(timers.retry);
    this.cache = new TrackCache({
      budget: context.budget,
      timers: context.timers,
      historyBytesMax: context.limits.trackHistoryBytesMax,
      historyMs: context.limits.trackHistoryMs,
      groupLivesByNewest: () => this.policy.shape === 'map',
      newestIsState: () => this.newestIsState,
      historyInUse: () => this.fetches.size > 0,
      onEvicted: (group, expired) => {
        this.#evicted(context, group, expired);
        if (this.cache.empty) timers.emptied();
      },
    });
    this.fanOut = new FanOut(context, this);
  }

  /** The newest group alone is the track's state. */
  get newestIsState(): boolean {
    return this.policy.shape === 'state' || this.policy.shape === 'map';
  }

  /** The last object of a track that has ended, if it is known; else null. */
  get lastObject(): Location | null {
    const { end, cache } = this;
    if (end === null) return null;
    for (let index = cache.groups.length - 1; index >= 0; index--) {
      const { objects } = cache.groups[index]!;
      for (let at = objects.length - 1; at >= 0; at--) {
        const { group, object, status } = objects[at]!;
        if (status === 'normal' && compareLocations({ group, object }, end) < 0) return { group, object };
      }
    }
    return null;
  }

  /** Someone has asked for it. A PUBLISH of ours that was not asked for counts while its receiver takes objects. */
  get wanted(): boolean {
    if (this.waiting.size > 0) return true;
    for (const subscription of this.subscriptions) {
      if (subscription.initiator === 'subscriber' || subscription.forward) return true;
    }
    return false;
  }

  /** Someone takes its objects: a publisher that only waits has to send them (draft-18 §9.5). */
  get demanded(): boolean {
    for (const subscription of this.waiting) if (subscription.forward) return true;
    for (const subscription of this.subscriptions) if (subscription.forward) return true;
    return false;
  }

  /** Nothing would be lost with it. */
  get forgettable(): boolean {
    return (
      this.subscriptions.size === 0 &&
      this.waiting.size === 0 &&
      this.sources.size === 0 &&
      this.fetches.size === 0 &&
      this.fills.size === 0 &&
      this.cache.empty
    );
  }

  /** An upstream subscription is established. */
  get hasEstablishedSource(): boolean {
    for (const source of this.sources.values()) if (source.state === 'established') return true;
    return false;
  }

  /** An upstream subscription brings every new object, so that `largest` is up to date. */
  get hasLiveSource(): boolean {
    for (const source of this.sources.values()) if (source.live) return true;
    return false;
  }

  /**
   * An object's properties as they are sent on at `nowMs`: on a Higgins track with the time added that it was held, if
   * that was long or it comes from the cache.
   */
  propertiesAt(object: CachedObject, nowMs: number, fromCache: boolean): Uint8Array {
    const heldMs = nowMs - object.receivedMs;
    if (object.status !== 'normal') return object.properties;
    if (this.policy.shape === null || (!fromCache && heldMs <= UNCOUNTED_HOLD_MS)) return object.properties;
    return withAge(object.properties, heldMs);
  }

  /** Takes over what a publisher says of the track. */
  adopt(properties: Uint8Array | undefined, largest: Location | undefined): void {
    if (properties !== undefined && properties.length > 0) {
      this.properties = properties;
      this.policy = readTrackPolicy(properties);
    }
    this.largest = laterOrNull(this.largest, largest ?? null);
  }

  #evicted(context: RelayContext, group: CachedGroup, expired: boolean): void {
    if (expired) context.counters.expired++;
    else context.counters.evicted++;
    this.fanOut.groupEvicted(group.group);
  }
}
