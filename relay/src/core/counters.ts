/** Upper bounds of the propagation delay histogram, in ms; the last bucket has no bound. */
export const PROPAGATION_BOUNDS_MS: readonly number[] = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000,
];

/** What a relay counts. Plain numbers that only grow unless they say otherwise; the binary exports them as metrics. */
export class Counters {
  objectsReceived = 0;
  bytesReceived = 0;
  /** Objects that came again and were not forwarded a second time. */
  duplicates = 0;
  malformedTracks = 0;
  /** Calls that hand object bytes to a receiver set; independent of the number of receivers. */
  fanOutCalls = 0;
  /** Objects written for subscriptions, all receivers added up. */
  delivered = 0;
  /** Groups that a slow subscription skipped because a newer one existed. */
  conflated = 0;
  /** Objects that were not forwarded: too late for a delivery timeout, or not deliverable. */
  dropped = 0;
  /** Cached groups whose time was up. */
  expired = 0;
  /** Cached groups that went for want of room. */
  evicted = 0;
  /** Subscriptions ended because the subscriber could not keep up. */
  tooFarBehind = 0;
  /** Objects that were fetched after an upstream loss and forwarded. */
  recovered = 0;
  subscribesReceived = 0;
  fetchesReceived = 0;
  publishesReceived = 0;
  /** PUBLISHes of this relay's, to those who asked for tracks and to upstreams. */
  publishesSent = 0;
  requestsRejected = 0;
  upstreamSubscribes = 0;
  upstreamFetches = 0;
  upstreamConnects = 0;
  upstreamLosses = 0;
  /** Sessions of clients and upstreams, those that were turned away included. */
  sessionsOpened = 0;
  /** Sessions that were turned away, because there were too many or they came too fast. */
  sessionsRefused = 0;
  /** Now: sessions, upstream ones included. */
  sessions = 0;
  /** Now: tracks. */
  tracks = 0;
  /** Now: subscriptions of others here. */
  subscriptions = 0;
  /** Now: subscriptions of this relay elsewhere. */
  upstreamSubscriptions = 0;
  /** Now: namespaces that peers announce. */
  namespaces = 0;

  /** How many objects arrived within each bound after their publish time, by the wall clocks of both machines. */
  readonly propagation: number[] = new Array<number>(PROPAGATION_BOUNDS_MS.length + 1).fill(0);
  propagationSumMs = 0;
  propagationCount = 0;

  /** Counts one delay; what is negative by the clocks' difference counts as 0. */
  observePropagation(delayMs: number): void {
    const delay = Math.max(0, delayMs);
    let bucket = 0;
    while (bucket < PROPAGATION_BOUNDS_MS.length && delay > PROPAGATION_BOUNDS_MS[bucket]!) bucket++;
    this.propagation[bucket]!++;
    this.propagationSumMs += delay;
    this.propagationCount++;
  }
}
