import {
  type FetchRange,
  type FullTrackName,
  type GroupOrder,
  type Notice,
  PublishDoneCode,
  RequestErrorCode,
  type RequestId,
  type SubscribeParameters,
} from '@higgins/protocol';
import type { Runtime } from '@higgins/runtime';
import { type FetchPlan, largestOf, planFetch } from './core/fetch-plan.js';
import type { WrittenGroup, WrittenObject } from './core/track-writer.js';
import { NEW_GROUP_INTERVAL_MS, RENDEZVOUS_MS_MAX, RENDEZVOUS_WAITING_MAX } from './limits.js';
import type { Link } from './link.js';
import type { PublishedTrack } from './published-track.js';
import type { Publisher, PublisherListener } from './publisher.js';
import { ServedSubscription } from './served-subscription.js';
import { back, groupsOf, largestIn, rangeIsPast, trackPropertiesOf, writeFetch } from './served-track.js';

type NoticeOf<Kind extends Notice['kind']> = Extract<Notice, { readonly kind: Kind }>;

/** When a request for a track that is not published may come again. */
const RETRY_INTERVAL_MS = 1000;

/** Serves the tracks of a publisher to one peer: SUBSCRIBE with every filter, FETCH, TRACK_STATUS. */
export class TrackServer implements PublisherListener {
  readonly #link: Link;
  readonly #runtime: Runtime;
  readonly #publisher: Publisher;
  readonly #served = new Map<RequestId, ServedSubscription>();
  readonly #byTrack = new Map<string, ServedSubscription>();
  readonly #waiting = new Map<RequestId, Waiting>();
  readonly #listening: Disposable;

  constructor(link: Link, runtime: Runtime, publisher: Publisher) {
    this.#link = link;
    this.#runtime = runtime;
    this.#publisher = publisher;
    this.#listening = publisher.listen(this);
  }

  /** Subscriptions that are served now. */
  get subscriptions(): number {
    return this.#served.size;
  }

  committed(track: PublishedTrack, object: WrittenObject, newGroup: boolean): void {
    for (const { request, name, parameters, timer } of this.#waiting.values()) {
      if (name.key !== track.name.key) continue;
      timer[Symbol.dispose]();
      this.#waiting.delete(request);
      // Who waited is accepted as of the time before the first object, which is live for it.
      this.#accept(request, track, null, parameters);
    }
    const newest = track.writer.newest;
    if (newest !== null) this.#byTrack.get(track.name.key)?.committed(newest, object, newGroup);
    this.#link.pump();
  }

  retired(track: PublishedTrack): void {
    this.#byTrack.get(track.name.key)?.end(PublishDoneCode.TRACK_ENDED, 'the track is no longer published');
    this.#link.pump();
  }

  drained(): void {
    for (const served of this.#served.values()) served.drained();
  }

  /** A subscription has ended. */
  forget(served: ServedSubscription): void {
    this.#served.delete(served.request);
    if (this.#byTrack.get(served.track.name.key) === served) this.#byTrack.delete(served.track.name.key);
  }

  /** The session is over. */
  close(): void {
    this.#listening[Symbol.dispose]();
    for (const waiting of this.#waiting.values()) waiting.timer[Symbol.dispose]();
    this.#waiting.clear();
    this.#served.clear();
    this.#byTrack.clear();
  }

  subscribe({ request, name, parameters }: NoticeOf<'subscribe'>): void {
    const track = this.#publisher.track(name);
    if (this.#byTrack.has(name.key)) {
      this.#reject(request, RequestErrorCode.DUPLICATE_SUBSCRIPTION, 'the track is subscribed to already');
    } else if (track === undefined) this.#rendezvous(request, name, parameters);
    else if (rangeIsPast(parameters, track)) {
      this.#reject(request, RequestErrorCode.INVALID_RANGE, 'the end group was published already');
    } else this.#accept(request, track, track.writer.newest, parameters);
  }

  fetch({ request, range, parameters }: NoticeOf<'fetch'>): void {
    const waiting = range.kind === 'standalone' ? undefined : this.#waiting.get(range.subscription);
    // Nothing was published when the subscription began, and nothing older will be.
    if (waiting !== undefined) {
      this.#reject(request, RequestErrorCode.INVALID_RANGE, 'nothing was published yet');
      return;
    }
    const order = parameters.groupOrder ?? 'ascending';
    const found = range.kind === 'standalone' ? this.#standalone(range, order) : this.#joining(range, order);
    if (found === null) {
      this.#reject(request, RequestErrorCode.INVALID_RANGE, 'nothing was published in the range');
      return;
    }
    if (found === undefined) {
      this.#reject(request, RequestErrorCode.DOES_NOT_EXIST, 'the track is not published');
      return;
    }
    const { track, plan } = found;
    const { session } = this.#link;
    session.acceptFetch(request, { endOfTrack: false, end: plan.end, trackProperties: this.#properties(track) });
    writeFetch(session, request, plan, parameters, this.#runtime.bootMs());
  }

  trackStatus({ request, name }: NoticeOf<'track-status'>): void {
    const track = this.#publisher.track(name);
    if (track === undefined) {
      this.#reject(request, RequestErrorCode.DOES_NOT_EXIST, 'the track is not published');
      return;
    }
    this.#link.session.acceptRequest(request, { ...largestIn(track), trackProperties: this.#properties(track) });
  }

  update({ request, parameters }: NoticeOf<'update'>): void {
    const served = this.#served.get(request);
    served?.update(parameters);
    this.#link.session.acceptUpdate(request, served === undefined ? {} : largestIn(served.track));
    if (served !== undefined) this.#requestGroup(served.track, parameters);
  }

  /** The peer gave a request up. */
  cancelled(request: RequestId): void {
    this.#waiting.get(request)?.timer[Symbol.dispose]();
    this.#waiting.delete(request);
    const served = this.#served.get(request);
    if (served !== undefined) this.forget(served);
  }

  #accept(
    request: RequestId,
    track: PublishedTrack,
    joining: WrittenGroup | null,
    parameters: SubscribeParameters,
  ): void {
    const served = new ServedSubscription(this.#link, this.#runtime, request, track, joining, parameters);
    this.#served.set(request, served);
    this.#byTrack.set(track.name.key, served);
    const largest = largestOf(groupsOf(joining));
    const ok = { trackAlias: served.trackAlias, trackProperties: this.#properties(track) };
    this.#link.session.acceptSubscribe(request, largest === null ? ok : { ...ok, largest });
    this.#requestGroup(track, parameters);
  }

  #rendezvous(request: RequestId, name: FullTrackName, parameters: SubscribeParameters): void {
    const waitMs = Math.min(Number(parameters.rendezvousTimeoutMs ?? 0), RENDEZVOUS_MS_MAX);
    const duplicate = [...this.#waiting.values()].some((waiting) => waiting.name.key === name.key);
    if (duplicate) {
      this.#reject(request, RequestErrorCode.DUPLICATE_SUBSCRIPTION, 'the track is subscribed to already');
      return;
    }
    if (waitMs === 0 || this.#waiting.size >= RENDEZVOUS_WAITING_MAX) {
      this.#reject(request, RequestErrorCode.DOES_NOT_EXIST, 'the track is not published');
      return;
    }
    const timer = this.#runtime.at(this.#runtime.bootMs() + waitMs, () => {
      this.#waiting.delete(request);
      this.#reject(request, RequestErrorCode.TIMEOUT, 'the track was not published in time');
      this.#link.pump();
    });
    this.#waiting.set(request, { request, name, parameters, timer });
  }

  #standalone(range: Extract<FetchRange, { kind: 'standalone' }>, order: GroupOrder): Found | null | undefined {
    const track = this.#publisher.track(range.name);
    if (track === undefined) return undefined;
    return found(track, planFetch(groupsOf(track.writer.newest), range.start, range.end, order));
  }

  #joining(range: Exclude<FetchRange, { kind: 'standalone' }>, order: GroupOrder): Found | null | undefined {
    const served = this.#served.get(range.subscription);
    if (served === undefined) return undefined;
    const groups = groupsOf(served.joining);
    const largest = largestOf(groups);
    if (largest === null) return null;
    const group = range.kind === 'absolute-joining' ? range.startGroup : back(largest.group, range.groupsBack);
    const end = { group: largest.group, object: Number(largest.object) + 1 };
    return found(served.track, planFetch(groups, { group, object: 0 }, end, order));
  }

  #requestGroup(track: PublishedTrack, { newGroupRequest }: SubscribeParameters): void {
    const newest = track.writer.newest?.group ?? 0;
    if (track.shape !== 'map' || newGroupRequest === undefined) return;
    if (newGroupRequest !== 0 && newGroupRequest <= newest) return;
    this.#publisher.requestGroup(track, NEW_GROUP_INTERVAL_MS);
  }

  #properties(track: PublishedTrack): Uint8Array {
    return trackPropertiesOf(track, this.#publisher.writerId);
  }

  #reject(request: RequestId, code: number, reason: string): void {
    const retry = code === RequestErrorCode.DOES_NOT_EXIST || code === RequestErrorCode.TIMEOUT;
    this.#link.session.reject(request, { code, reason, retryIntervalMs: retry ? RETRY_INTERVAL_MS : null });
  }
}

interface Waiting {
  readonly request: RequestId;
  readonly name: FullTrackName;
  readonly parameters: SubscribeParameters;
  readonly timer: Disposable;
}

interface Found {
  readonly track: PublishedTrack;
  readonly plan: FetchPlan;
}

function found(track: PublishedTrack, plan: FetchPlan | null): Found | null {
  return plan === null ? null : { track, plan };
}
