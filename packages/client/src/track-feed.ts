import type { FullTrackName, ReceivedObject, RequestErrorInfo, SubscribeParameters } from '@higgins/protocol';
import type { Runtime } from '@higgins/runtime';
import type { Shape, SignalRow } from '@higgins/signals';
import type { ClientCounters, ClientEvent } from './client-events.js';
import { Backoff } from './core/backoff.js';
import type { DeadlineRule } from './core/deadline.js';
import type { HeldTrack } from './core/held-record.js';
import type { TrackContent } from './core/track-content.js';
import { type FollowerEvent, TrackFollower } from './core/track-follower.js';
import type { Place } from './core/track-order.js';
import { SubscriptionError } from './errors.js';
import { GapRefill } from './gap-refill.js';
import { RENDEZVOUS_TIMEOUT_MS } from './limits.js';
import type { Link } from './link.js';
import { mayRetry } from './request-errors.js';
import type { StateStore } from './state-store.js';
import { type StoredValue, storedValue } from './stored-value.js';
import { Subscription, type SubscriptionSource, type Update } from './subscription.js';
import { type JoinTarget, TrackJoin } from './track-join.js';

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
  /** The last subscription was closed. */
  onIdle(feed: TrackFeed<V>): void;
}

/** Everything of one track on the consuming side: follows it over one link after the other, for all of its subscriptions. */
export class TrackFeed<V> implements JoinTarget, SubscriptionSource<V> {
  readonly name: FullTrackName;
  readonly shape: Shape;
  readonly #options: TrackFeedOptions<V>;
  readonly #follower: TrackFollower<V>;
  readonly #subscriptions = new Set<Subscription<V>>();
  readonly #retry = new Backoff();
  readonly #refill: GapRefill;
  #link: Link | null = null;
  #join: TrackJoin | null = null;
  #settling = false;
  #timer: Disposable | null = null;

  constructor(options: TrackFeedOptions<V>) {
    this.#refill = new GapRefill(options.runtime);
    this.name = options.name;
    this.shape = options.signal.shape;
    this.#options = options;
    this.#follower = new TrackFollower(options.name, options.signal, options.content, options.rule, options.held);
  }

  get every(): boolean {
    return this.shape === 'event';
  }

  get last(): Place | null {
    return this.#follower.last;
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
    return storedValue(signal, this.#follower.held, content, runtime.bootMs(), this.#link !== null);
  }

  closed(subscription: Subscription<V>): void {
    this.#subscriptions.delete(subscription);
    if (this.#subscriptions.size === 0) this.#options.onIdle(this);
  }

  /** Goes on over a new link; what came over an old one stays, and nothing is delivered twice. */
  attach(link: Link): void {
    const reconnected = this.#link === null;
    this.#drop();
    this.#link = link;
    this.#retry.reset();
    this.#start();
    if (reconnected && this.#follower.held !== null) this.#tellCondition();
  }

  /** The link is gone. */
  detach(): void {
    this.#drop();
    this.#link = null;
    if (this.#follower.held !== null) this.#tellCondition();
  }

  /** Time has changed the freshness of what is held. */
  freshnessChanged(): void {
    this.#tellCondition();
  }

  /** See `TrackFollower.reconsider`. */
  reconsider(writer: string, epoch: number): void {
    this.#follower.reconsider(writer, epoch);
    this.#settle();
  }

  /** Ends all subscriptions and the requests on the link. */
  close(): void {
    this.#timer?.[Symbol.dispose]();
    this.#refill.stop();
    this.#join?.close();
    this.#join = null;
    for (const subscription of this.#subscriptions) subscription.close();
  }

  // JoinTarget.

  subscribeParameters(): SubscribeParameters {
    const ttlMs = Math.ceil(this.#follower.held?.ttlMs ?? this.#options.signal.ttlMs);
    return {
      filter: { kind: 'largest-object' },
      rendezvousTimeoutMs: RENDEZVOUS_TIMEOUT_MS,
      // Allows relays to leave out what a newer group has made worthless; events are never worthless.
      ...(this.shape === 'event' ? {} : { objectDeliveryTimeoutMs: ttlMs }),
    };
  }

  describe(trackProperties: Uint8Array): void {
    this.#follower.describe(trackProperties);
  }

  receive(object: ReceivedObject, live: boolean): void {
    this.#follower.receive(object, live, this.#options.runtime.bootMs());
    this.#settle();
  }

  fetchStarted(): void {
    this.#follower.fetchStarted();
  }

  fetchEnded(complete: boolean): void {
    this.#follower.fetchEnded(complete);
    this.#settle();
  }

  groupEnded(group: ReceivedObject['group']): void {
    this.#follower.groupEnded(group);
    this.#settle();
  }

  groupReset(group: ReceivedObject['group']): void {
    this.#follower.groupReset(group);
    this.#settle();
  }

  established(): void {
    this.#retry.reset();
    this.#options.onEvent({ kind: 'subscribed', name: this.name });
  }

  ended(error: RequestErrorInfo): void {
    const { name } = this;
    const { code, reason, retryIntervalMs } = error;
    const retryMs = mayRetry(error)
      ? Math.max(this.#retry.nextMs(this.#options.runtime.random()), retryIntervalMs ?? 0)
      : null;
    this.#options.onEvent({ kind: 'subscription-failed', name, code, reason, retryMs });
    if (retryMs !== null) {
      this.#startIn(retryMs);
      return;
    }
    for (const subscription of this.#subscriptions) {
      subscription.fail(new SubscriptionError('refused', `the relay refuses the subscription: ${reason}`, code));
    }
  }

  #drop(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
    this.#refill.stop();
    this.#join?.abandon();
    this.#join = null;
    this.#follower.disconnected();
  }

  #start(): void {
    const { runtime } = this.#options;
    const link = this.#link;
    if (link === null) return;
    this.#join?.close();
    this.#follower.disconnected();
    this.#join = new TrackJoin(link, runtime, this);
    link.pump();
  }

  #startIn(delayMs: number): void {
    const { runtime } = this.#options;
    this.#timer?.[Symbol.dispose]();
    this.#timer = runtime.at(runtime.bootMs() + delayMs, () => {
      this.#timer = null;
      this.#start();
    });
  }

  // A fast object has the deadlines of all tracks of its writer reconsidered, its own included: while it is being taken,
  // what comes of that waits behind it.
  #settle(): void {
    if (this.#settling) return;
    this.#settling = true;
    for (let event = this.#follower.next(); event !== undefined; event = this.#follower.next()) this.#on(event);
    this.#settling = false;
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
        counters.gaps += 1;
        onEvent({ kind: 'gap', name, lost: false });
        this.#push({ ...NOTHING, gaps: this.every ? 0 : 1 });
        if (this.#join !== null) this.#refill.fill(this.#join, event.after, event.newGroup, this.last?.group ?? 0);
        break;
      case 'lost':
        counters.losses += 1;
        onEvent({ kind: 'gap', name, lost: true });
        this.#push({ ...NOTHING, gaps: 1 });
        break;
    }
  }

  #onHeld(event: Extract<FollowerEvent, { kind: 'held' }>): void {
    const { counters, store } = this.#options;
    const held = this.#follower.held;
    if (held === null) return;
    store.put(held);
    if (event.newObject) {
      counters.objectsAccepted += 1;
      this.#refill.reset();
    }
    this.#push({ ...NOTHING, valueChanged: event.changed, changedKeys: new Set(event.keys) });
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
