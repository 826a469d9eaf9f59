import type { FullTrackName, ReceivedObject, RequestErrorInfo, SubscribeParameters } from '@higgins/protocol';
import type { Runtime } from '@higgins/runtime';
import type { Shape, SignalRow } from '@higgins/signals';
import type { ClientCounters, ClientEvent } from './client-events.js';
import type { DeadlineRule } from './core/deadline.js';
import { freshnessAt } from './core/freshness.js';
import type { HeldTrack } from './core/held-record.js';
import type { TrackContent } from './core/track-content.js';
import { type FollowerEvent, TrackFollower } from './core/track-follower.js';
import type { Place, Way } from './core/track-order.js';
import { SubscriptionError } from './errors.js';
import {
  HEARTBEAT_TTL_MS_MIN,
  OVERTAKEN_MS_MAX,
  RENDEZVOUS_TIMEOUT_MS,
  RENEWAL_PART,
  SILENCE_GRACE_MS,
} from './limits.js';
import type { Link } from './link.js';
import type { PublisherWatch } from './publisher-watches.js';
import type { StateStore } from './state-store.js';
import { type StoredValue, storedValue } from './stored-value.js';
import { Subscription, type SubscriptionSource, type Update } from './subscription.js';
import { type RouteHost, TrackRoute } from './track-route.js';

export interface TrackFeedOptions<V> {
  readonly runtime: Runtime;
  readonly name: FullTrackName;
  readonly signal: SignalRow;
  readonly content: TrackContent<V>;
  /** What `content` was made from; null if nothing was held. */
  readonly held: HeldTrack | null;
  readonly rule: DeadlineRule;
  readonly store: StateStore;
  readonly counters: ClientCounters;
  onEvent(event: ClientEvent): void;
  /** Watches the heartbeats of a writer; absent: not even if the track is renewed rarely. */
  watch?(writerId: string, onChange: () => void): PublisherWatch | null;
  /** The last subscription was closed. */
  onIdle(feed: TrackFeed<V>): void;
}

/**
 * Everything of one track on the consuming side: follows it over every link that there is, one after the other or two at
 * once, for all of its subscriptions.
 */
export class TrackFeed<V> implements RouteHost, SubscriptionSource<V> {
  readonly name: FullTrackName;
  readonly shape: Shape;
  readonly runtime: Runtime;
  readonly #options: TrackFeedOptions<V>;
  readonly #follower: TrackFollower<V>;
  readonly #subscriptions = new Set<Subscription<V>>();
  readonly #routes = new Map<Link, TrackRoute>();
  #connectedSinceBootMs = 0;
  #graceTimer: Disposable | null = null;
  /** Runs while events wait for one that may still come. */
  #patience: Disposable | null = null;
  #watch: PublisherWatch | null = null;
  #settling = false;

  constructor(options: TrackFeedOptions<V>) {
    this.name = options.name;
    this.shape = options.signal.shape;
    this.runtime = options.runtime;
    this.#options = options;
    this.#follower = new TrackFollower(options.name, options.signal, options.content, options.rule, options.held);
  }

  get every(): boolean {
    return this.shape === 'event';
  }

  get last(): Place | null {
    return this.#follower.last;
  }

  get newestGroup(): number | null {
    return this.#follower.newestGroup;
  }

  /** Live objects that wait for others before them. */
  get waiting(): { readonly objects: number; readonly bytes: number } {
    return this.#follower.waiting;
  }

  /** Live objects come by one link at least. */
  get followed(): boolean {
    for (const route of this.#routes.values()) if (route.caughtUp) return true;
    return false;
  }

  get subscriptions(): Iterable<Subscription<V>> {
    return this.#subscriptions;
  }

  /**
   * No renewal has come for as long as two take, with the connection up: the writer is silent. Null: nothing can be said,
   * because the connection is gone, or has come up only now and what came meanwhile is still on its way.
   */
  get silent(): boolean | null {
    const held = this.#follower.held;
    if (held === null || this.#routes.size === 0) return null;
    const nowBootMs = this.runtime.bootMs();
    if (freshnessAt(nowBootMs, held.deadlineBootMs, held.ttlMs) === 'live') return false;
    return nowBootMs < this.#graceEndsBootMs(held.ttlMs) ? null : true;
  }

  /** A new view of the track; one that holds a value already begins with it. */
  subscribe(): Subscription<V> {
    const subscription = new Subscription<V>(this);
    this.#subscriptions.add(subscription);
    const current = this.current();
    if (current !== null && !this.every) subscription.push({ ...NOTHING, current, valueChanged: true });
    return subscription;
  }

  current(): StoredValue<V> | null {
    const { runtime, signal, content } = this.#options;
    const source = {
      connected: this.#routes.size > 0,
      silent: (this.silent ?? false) || (this.#watch?.silent ?? false),
    };
    return storedValue(signal, this.#follower.held, content, runtime.bootMs(), source);
  }

  closed(subscription: Subscription<V>): void {
    this.#subscriptions.delete(subscription);
    if (this.#subscriptions.size === 0) this.#options.onIdle(this);
  }

  /** Follows the track over one more link; nothing is delivered twice. `way`: names the link. */
  attach(link: Link, way: Way): void {
    if (this.#routes.has(link)) return;
    const reconnected = this.#routes.size === 0;
    if (reconnected) this.#connectedSinceBootMs = this.runtime.bootMs();
    this.#routes.set(link, new TrackRoute(link, way, this));
    if (!reconnected || this.#follower.held === null) return;
    this.#tellCondition();
    this.#armGrace();
  }

  /** The link is gone, or left: what came over it stays. */
  detach(link: Link, closed: boolean): void {
    const route = this.#routes.get(link);
    if (route === undefined) return;
    this.#routes.delete(link);
    if (closed) route.abandon();
    else route.close();
    if (this.#routes.size === 0 && this.#follower.held !== null) this.#tellCondition();
  }

  /** Whether nothing would be missed if that link were the only one. */
  caughtUp(link: Link): boolean {
    return this.#follower.held === null || this.#routes.get(link)?.caughtUp === true;
  }

  /** Time has changed the freshness of what is held. */
  freshnessChanged(): void {
    this.#tellCondition();
    this.#armGrace();
  }

  /** See `TrackFollower.reconsider`. */
  reconsider(writer: string, epoch: number): void {
    this.#follower.reconsider(writer, epoch);
    this.#settle();
  }

  /** Ends all subscriptions and the requests on the links. */
  close(): void {
    this.#graceTimer?.[Symbol.dispose]();
    this.#patience?.[Symbol.dispose]();
    this.#watch?.[Symbol.dispose]();
    this.#watch = null;
    for (const route of this.#routes.values()) route.close();
    this.#routes.clear();
    for (const subscription of this.#subscriptions) subscription.close();
  }

  // RouteHost.

  subscribeParameters(): SubscribeParameters {
    const ttlMs = Math.ceil(this.#follower.held?.ttlMs ?? this.#options.signal.ttlMs);
    return {
      filter: { kind: 'largest-object' },
      rendezvousTimeoutMs: RENDEZVOUS_TIMEOUT_MS,
      // Allows relays to leave out what a newer group has made worthless; events are never worthless.
      ...(this.every ? {} : { objectDeliveryTimeoutMs: ttlMs }),
    };
  }

  describe(trackProperties: Uint8Array): void {
    this.#follower.describe(trackProperties);
  }

  receive(object: ReceivedObject, live: boolean, way: Way): void {
    this.#follower.receive(object, live, this.runtime.bootMs(), way);
    this.#settle();
  }

  fetchStarted(way: Way): void {
    this.#follower.fetchStarted(way);
  }

  fetchUnknown(way: Way): void {
    this.#follower.fetchUnknown(way);
  }

  fetchEnded(complete: boolean, way: Way): void {
    this.#follower.fetchEnded(complete, way);
    this.#settle();
  }

  groupEnded(group: ReceivedObject['group'], way: Way): void {
    this.#follower.groupEnded(group, way);
    this.#settle();
  }

  groupReset(group: ReceivedObject['group'], way: Way): void {
    this.#follower.groupReset(group, way);
    this.#settle();
  }

  disconnected(way: Way): void {
    this.#follower.disconnected(way);
  }

  asked(): void {
    this.#options.counters.subscribes += 1;
  }

  established(): void {
    this.#options.onEvent({ kind: 'subscribed', name: this.name });
  }

  failed({ code, reason }: RequestErrorInfo, retryMs: number | null): void {
    this.#options.onEvent({ kind: 'subscription-failed', name: this.name, code, reason, retryMs });
    if (retryMs !== null) return;
    for (const subscription of this.#subscriptions) {
      subscription.fail(new SubscriptionError('refused', `the relay refuses the subscription: ${reason}`, code));
    }
  }

  // A fast object has the deadlines of all tracks of its writer reconsidered, its own included: while it is being taken,
  // what comes of that waits behind it.
  #settle(): void {
    if (this.#settling) return;
    this.#settling = true;
    for (let event = this.#follower.next(); event !== undefined; event = this.#follower.next()) this.#on(event);
    this.#settling = false;
    if (this.every) this.#armPatience();
  }

  // The end of a group may never come: its publisher died in the middle of it.
  #armPatience(): void {
    if (!this.#follower.stalled) {
      this.#patience?.[Symbol.dispose]();
      this.#patience = null;
      return;
    }
    this.#patience ??= this.runtime.at(this.runtime.bootMs() + OVERTAKEN_MS_MAX, () => {
      this.#patience = null;
      this.#follower.patienceOver();
      this.#settle();
    });
  }

  #on(event: FollowerEvent): void {
    const { counters, onEvent } = this.#options;
    const { name } = this;
    switch (event.kind) {
      case 'held':
        this.#onHeld(event);
        break;
      case 'refused':
        counters.objectsRefused += 1;
        onEvent({ kind: 'object-refused', name, refusal: event.refusal });
        this.#push({ ...NOTHING, refused: event.refusal });
        break;
      case 'old':
        counters.objectsOld += 1;
        break;
      case 'gap':
        this.#onGap(event);
        break;
      case 'lost':
        counters.losses += 1;
        onEvent({ kind: 'gap', name, lost: true });
        this.#push({ ...NOTHING, gaps: 1 });
        break;
    }
  }

  #onGap({ after, newGroup, way, covered }: Extract<FollowerEvent, { kind: 'gap' }>): void {
    const { counters, onEvent } = this.#options;
    if (!covered) {
      counters.gaps += 1;
      onEvent({ kind: 'gap', name: this.name, lost: false });
      this.#push({ ...NOTHING, gaps: this.every ? 0 : 1 });
    }
    for (const route of this.#routes.values()) if (way === null || route.way === way) route.fill(after, newGroup);
  }

  #onHeld(event: Extract<FollowerEvent, { kind: 'held' }>): void {
    const { counters, store } = this.#options;
    const held = this.#follower.held;
    if (held === null) return;
    store.put(held);
    if (event.newObject) {
      counters.objectsAccepted += 1;
      for (const route of this.#routes.values()) route.filled();
      this.#watchWriter(held);
    }
    this.#push({ ...NOTHING, valueChanged: event.changed, changedKeys: new Set(event.keys) });
  }

  // The renewals of what lives long come too rarely to tell that its writer lives.
  #watchWriter({ ttlMs, writerId }: HeldTrack): void {
    if (ttlMs < HEARTBEAT_TTL_MS_MIN || writerId === '') return;
    if (this.#watch?.writerId === writerId) return;
    this.#watch?.[Symbol.dispose]();
    this.#watch = this.#options.watch?.(writerId, () => this.#tellCondition()) ?? null;
  }

  #graceEndsBootMs(ttlMs: number): number {
    return this.#connectedSinceBootMs + Math.min(SILENCE_GRACE_MS, ttlMs * (1 - RENEWAL_PART));
  }

  // Until the grace ends nothing is said of silence; then it has to be.
  #armGrace(): void {
    const held = this.#follower.held;
    this.#graceTimer?.[Symbol.dispose]();
    this.#graceTimer = null;
    if (held === null || this.#routes.size === 0) return;
    const dueBootMs = this.#graceEndsBootMs(held.ttlMs);
    const nowBootMs = this.runtime.bootMs();
    if (dueBootMs <= nowBootMs || freshnessAt(nowBootMs, held.deadlineBootMs, held.ttlMs) === 'live') return;
    this.#graceTimer = this.runtime.at(dueBootMs, () => this.#tellCondition());
  }

  #tellCondition(): void {
    if (!this.every) this.#push(NOTHING);
  }

  #push(update: Omit<Update<V>, 'current'>): void {
    if (this.#subscriptions.size === 0) return;
    const full = { ...update, current: this.current() };
    for (const subscription of this.#subscriptions) subscription.push(full);
  }
}

const NOTHING = {
  current: null,
  valueChanged: false,
  changedKeys: new Set<string>(),
  refused: null,
  gaps: 0,
} as const;
