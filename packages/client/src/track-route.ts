import type { FullTrackName, ReceivedObject, RequestErrorInfo, SubscribeParameters } from '@higgins/protocol';
import type { Runtime } from '@higgins/runtime';
import type { Shape } from '@higgins/signals';
import { Backoff } from './core/backoff.js';
import type { Place, Way } from './core/track-order.js';
import { GapRefill } from './gap-refill.js';
import type { Link } from './link.js';
import { mayRetry } from './request-errors.js';
import { type JoinTarget, TrackJoin } from './track-join.js';

/** What a route asks of the feed that it belongs to, and tells it. */
export interface RouteHost {
  readonly runtime: Runtime;
  readonly name: FullTrackName;
  readonly shape: Shape;
  /** The newest place that is held; null at first. */
  readonly last: Place | null;
  /** The newest group that was seen, held or not; null: none was. */
  readonly newestGroup: number | null;
  subscribeParameters(): SubscribeParameters;
  describe(trackProperties: Uint8Array): void;
  receive(object: ReceivedObject, live: boolean, way: Way): void;
  fetchStarted(way: Way): void;
  fetchUnknown(way: Way): void;
  fetchEnded(complete: boolean, way: Way): void;
  groupEnded(group: ReceivedObject['group'], way: Way): void;
  groupReset(group: ReceivedObject['group'], way: Way): void;
  disconnected(way: Way): void;
  /** A SUBSCRIBE was sent. */
  asked(): void;
  established(): void;
  /** The subscription failed; it is tried again in `retryMs`, or never (null). */
  failed(error: RequestErrorInfo, retryMs: number | null): void;
}

/** How a track is followed over one link: joins, joins again when that ends, and fills what is missing. */
export class TrackRoute implements JoinTarget {
  readonly link: Link;
  readonly way: Way;
  readonly #host: RouteHost;
  readonly #retry = new Backoff();
  readonly #refill: GapRefill;
  #join: TrackJoin | null = null;
  #timer: Disposable | null = null;
  #established = false;
  #fetching = false;

  /** `way`: names the link in the feed's order. Sends the first requests. */
  constructor(link: Link, way: Way, host: RouteHost) {
    this.link = link;
    this.way = way;
    this.#host = host;
    this.#refill = new GapRefill(host.runtime);
    this.#start();
  }

  get name(): FullTrackName {
    return this.#host.name;
  }

  get shape(): Shape {
    return this.#host.shape;
  }

  get last(): Place | null {
    return this.#host.last;
  }

  /** Live objects come by it, and nothing before them is missing. */
  get caughtUp(): boolean {
    return this.#established && !this.#fetching;
  }

  /** Fills a gap; see GapRefill. */
  fill(after: Place | null, newGroup: boolean): void {
    if (this.#join !== null) this.#refill.fill(this.#join, after, newGroup, this.#host.newestGroup);
  }

  /** Objects follow each other again. */
  filled(): void {
    this.#refill.reset();
  }

  /** The link is gone, and the requests with it. */
  abandon(): void {
    this.#stop();
    this.#join?.abandon();
    this.#join = null;
    this.#host.disconnected(this.way);
  }

  /** Ends the requests on the link. */
  close(): void {
    this.#stop();
    this.#join?.close();
    this.#join = null;
    this.#host.disconnected(this.way);
  }

  // JoinTarget.

  subscribeParameters(): SubscribeParameters {
    return this.#host.subscribeParameters();
  }

  describe(trackProperties: Uint8Array): void {
    this.#host.describe(trackProperties);
  }

  receive(object: ReceivedObject, live: boolean): void {
    this.#host.receive(object, live, this.way);
  }

  fetchStarted(): void {
    this.#fetching = true;
    this.#host.fetchStarted(this.way);
  }

  fetchUnknown(): void {
    this.#host.fetchUnknown(this.way);
  }

  fetchEnded(complete: boolean): void {
    this.#fetching = false;
    this.#host.fetchEnded(complete, this.way);
  }

  groupEnded(group: ReceivedObject['group']): void {
    this.#host.groupEnded(group, this.way);
  }

  groupReset(group: ReceivedObject['group']): void {
    this.#host.groupReset(group, this.way);
  }

  established(): void {
    this.#established = true;
    this.#retry.reset();
    this.#host.established();
  }

  ended(error: RequestErrorInfo): void {
    this.#established = false;
    const { runtime } = this.#host;
    const retryMs = mayRetry(error) ? Math.max(this.#retry.nextMs(runtime.random()), error.retryIntervalMs ?? 0) : null;
    if (retryMs !== null) this.#startIn(retryMs);
    this.#host.failed(error, retryMs);
  }

  #start(): void {
    this.#join?.close();
    this.#host.disconnected(this.way);
    this.#join = new TrackJoin(this.link, this.#host.runtime, this);
    this.#host.asked();
    this.link.pump();
  }

  #startIn(delayMs: number): void {
    const { runtime } = this.#host;
    this.#timer?.[Symbol.dispose]();
    this.#timer = runtime.at(runtime.bootMs() + delayMs, () => {
      this.#timer = null;
      this.#start();
    });
  }

  #stop(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
    this.#refill.stop();
  }
}
