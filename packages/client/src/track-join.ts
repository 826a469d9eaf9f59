import {
  type FetchRange,
  type FullTrackName,
  findInteger,
  type Location,
  type Notice,
  PropertyType,
  type ReceivedObject,
  RequestErrorCode,
  type RequestErrorInfo,
  type RequestId,
  type SubscribeParameters,
} from '@higgins/protocol';
import type { Runtime } from '@higgins/runtime';
import type { Shape } from '@higgins/signals';
import type { Place } from './core/track-order.js';
import { FALLBACK_DELAY_MS, LIVE_BUFFER_OBJECTS_MAX } from './limits.js';
import type { Link } from './link.js';
import { mayBeCached } from './request-errors.js';

/** What a join does with what it gets; the follower of the track in practice. */
export interface JoinTarget {
  readonly name: FullTrackName;
  readonly shape: Shape;
  /** The newest place that is held; null at first. */
  readonly last: Place | null;
  subscribeParameters(): SubscribeParameters;
  describe(trackProperties: Uint8Array): void;
  receive(object: ReceivedObject, live: boolean): void;
  fetchStarted(): void;
  /** A stretch of the fetch is not known to whoever answers it. */
  fetchUnknown(): void;
  fetchEnded(complete: boolean): void;
  groupEnded(group: ReceivedObject['group']): void;
  groupReset(group: ReceivedObject['group']): void;
  /** The subscription is served: live objects come. */
  established(): void;
  /** The subscription was refused, or has ended. */
  ended(error: RequestErrorInfo): void;
}

/** Beyond every Group ID that Higgins writes. */
const END_OF_TIME: Location = { group: Number.MAX_SAFE_INTEGER, object: 0 };
const START: Location = { group: 0, object: 0 };

/**
 * One attempt to follow a track over one link: SUBSCRIBE with a joining FETCH in the same flight, and, if the answer
 * is late because the way upstream is broken, a FETCH of what a cache nearby still holds.
 */
export class TrackJoin {
  readonly #link: Link;
  readonly #target: JoinTarget;
  readonly #subscription: RequestId;
  /** Fetches under way, by what they are for. */
  #joining: RequestId | null = null;
  #fallback: RequestId | null = null;
  #refetch: RequestId | null = null;
  #timer: Disposable | null = null;
  /** Objects of a fetch that overtook the track's properties; null once these are known. */
  #early: (() => void)[] | null = [];
  #dynamicGroups = false;
  #subscribed = true;
  #over = false;

  /** Sends the requests; the link is pumped by the caller. */
  constructor(link: Link, runtime: Runtime, target: JoinTarget) {
    this.#link = link;
    this.#target = target;
    this.#subscription = link.session.subscribe(target.name, target.subscribeParameters());
    link.handle(this.#subscription, (notice) => this.#onSubscription(notice));
    target.fetchStarted();
    this.#joining = this.#fetch(joiningRange(target, this.#subscription), 'joining');
    this.#timer = runtime.at(runtime.bootMs() + FALLBACK_DELAY_MS, () => {
      this.#timer = null;
      this.#fallback = this.#fetch(standaloneRange(target, target.last), 'fallback');
      link.pump();
    });
  }

  /** Fills a gap: the newest group of a map, everything behind `after` of an event track. */
  refetch(after: Place | null): void {
    if (this.#over || this.#refetch !== null) return;
    this.#target.fetchStarted();
    this.#refetch = this.#fetch(standaloneRange(this.#target, after), 'refetch');
    this.#link.pump();
  }

  /** Asks the publisher for a group above the newest that is known (null: none is), where the track allows that. */
  requestGroup(newest: number | null): void {
    if (this.#over || !this.#subscribed || !this.#dynamicGroups) return;
    this.#link.session.update(this.#subscription, { newGroupRequest: newest === null ? 0 : newest + 1 });
    this.#link.pump();
  }

  /** Ends it: no call to the target follows. */
  close(): void {
    if (this.#over) return;
    this.#finish();
    for (const request of [this.#joining, this.#fallback, this.#refetch])
      if (request !== null) this.#link.cancel(request);
    if (this.#subscribed) this.#link.cancel(this.#subscription);
  }

  /** The link is gone, and its requests with it. */
  abandon(): void {
    this.#finish();
  }

  #finish(): void {
    this.#over = true;
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
  }

  #onSubscription(notice: Notice): void {
    if (this.#over) return;
    const target = this.#target;
    switch (notice.kind) {
      case 'subscribe-ok':
        this.#timer?.[Symbol.dispose]();
        this.#timer = null;
        this.#known(notice.ok.trackProperties);
        target.established();
        break;
      case 'object':
        target.receive(notice.object, true);
        break;
      case 'subgroup-end':
        if (notice.header.endOfGroup) target.groupEnded(notice.header.group);
        break;
      case 'subgroup-reset':
        target.groupReset(notice.header.group);
        break;
      case 'request-error':
        if (!notice.update) this.#subscriptionOver(notice.error);
        break;
      case 'publish-done':
        this.#subscriptionOver({ code: null, reason: notice.done.reason, retryIntervalMs: 0 });
        break;
    }
  }

  // A fallback goes on: what a cache still has is better than nothing, and the next attempt may take long.
  #subscriptionOver(error: RequestErrorInfo): void {
    this.#subscribed = false;
    if (this.#fallback === null && error.code !== null && this.#timer !== null && mayBeCached(error.code)) {
      this.#timer[Symbol.dispose]();
      this.#timer = null;
      this.#fallback = this.#fetch(standaloneRange(this.#target, this.#target.last), 'fallback');
    }
    this.#target.ended(error);
  }

  #fetch(range: FetchRange, purpose: Purpose): RequestId {
    const newestFirst = purpose !== 'joining' && range.kind === 'standalone' && range.start === START;
    const request = this.#link.session.fetch(range, {
      ...(newestFirst ? { groupOrder: 'descending' as const } : {}),
      ...(purpose === 'fallback' ? { fillTimeoutMs: 0 } : {}),
    });
    const state: FetchState = { purpose, newestFirst, group: null, done: false };
    this.#link.handle(request, (notice) => this.#onFetch(request, state, notice));
    return request;
  }

  #onFetch(request: RequestId, state: FetchState, notice: Notice): void {
    if (this.#over || state.done) return;
    switch (notice.kind) {
      case 'fetch-ok':
        this.#known(notice.ok.trackProperties);
        break;
      case 'fetch-object':
        this.#later(() => this.#onFetchObject(request, state, notice.object));
        break;
      case 'fetch-range-end':
        this.#later(() => this.#onFetchRange(state, notice.unknown));
        break;
      case 'fetch-end':
        this.#later(() => this.#fetchOver(state, true));
        break;
      case 'fetch-reset':
        this.#later(() => this.#fetchOver(state, false));
        break;
      case 'request-error':
        this.#fetchOver(state, notice.error.code === RequestErrorCode.INVALID_RANGE);
        break;
    }
  }

  #onFetchObject(request: RequestId, state: FetchState, object: ReceivedObject): void {
    if (this.#over || state.done) return;
    if (state.newestFirst && state.group !== null && object.group !== state.group) {
      // Only the newest group was wanted.
      this.#fetchOver(state, true);
      this.#link.cancel(request);
      return;
    }
    state.group = object.group;
    this.#target.receive(object, false);
  }

  #onFetchRange(state: FetchState, unknown: boolean): void {
    if (unknown && !this.#over && !state.done && !state.newestFirst) this.#target.fetchUnknown();
  }

  #fetchOver(state: FetchState, complete: boolean): void {
    if (state.done) return;
    state.done = true;
    if (state.purpose === 'fallback') this.#fallback = null;
    else if (state.purpose === 'joining') this.#joining = null;
    else this.#refetch = null;
    // A peer that knows no joining FETCH may still know a plain one.
    if (state.purpose === 'joining' && !complete && this.#subscribed) {
      this.refetch(this.#target.last);
      return;
    }
    if (state.purpose !== 'fallback' && this.#joining === null && this.#refetch === null) {
      this.#target.fetchEnded(complete);
    }
  }

  // Objects can arrive before the message that says how they are encoded.
  #later(run: () => void): void {
    if (this.#early === null) run();
    else if (this.#early.length < LIVE_BUFFER_OBJECTS_MAX) this.#early.push(run);
  }

  #known(trackProperties: Uint8Array | undefined): void {
    if (trackProperties !== undefined) {
      this.#dynamicGroups = findInteger(trackProperties, PropertyType.DYNAMIC_GROUPS) === 1;
      this.#target.describe(trackProperties);
    }
    const early = this.#early;
    this.#early = null;
    for (const run of early ?? []) run();
  }
}

type Purpose = 'joining' | 'fallback' | 'refetch';

interface FetchState {
  readonly purpose: Purpose;
  /** Groups come newest first, and only the newest is wanted. */
  readonly newestFirst: boolean;
  group: ReceivedObject['group'] | null;
  done: boolean;
}

/** Everything behind `after` of an event track; else all groups, of which only the newest is wanted. */
function standaloneRange({ name, shape }: JoinTarget, after: Place | null): FetchRange {
  const start = shape !== 'event' || after === null ? START : { group: after.group, object: after.object + 1 };
  return { kind: 'standalone', name, start, end: END_OF_TIME };
}

/** Event tracks go on where they were; for the others the newest group is all there is to know. */
function joiningRange({ shape, last }: JoinTarget, subscription: RequestId): FetchRange {
  if (shape !== 'event' || last === null) return { kind: 'relative-joining', subscription, groupsBack: 0 };
  return { kind: 'absolute-joining', subscription, startGroup: last.group };
}
