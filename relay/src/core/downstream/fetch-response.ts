import {
  compareLocations,
  type DataStream,
  FetchObjectEncoder,
  type GroupOrder,
  type Location,
  RequestErrorCode,
  type RequestErrorInfo,
  type RequestId,
  StreamResetCode,
  VI64_MAX,
} from '@higgins/protocol';
import { passError, reject } from '../answers.js';
import { after, before, earlier, laterOrNull, wireEnd } from '../locations.js';
import type { Peer } from '../peer.js';
import type { RelayContext } from '../relay-context.js';
import { type WheelTimer, wheelTimer } from '../timer-wheel.js';
import type { Track } from '../track.js';
import { releaseTrack } from '../tracks.js';
import { fillFor } from '../upstream/fills.js';
import { type FetchSegment, segmentsOf } from './fetch-segments.js';
import { streamPriority } from './timed-receiver.js';

/** What a FETCH asks for, once that is clear. `last` is inclusive. */
export interface FetchWish {
  readonly peer: Peer;
  readonly request: RequestId;
  readonly track: Track;
  readonly start: Location;
  readonly last: Location;
  readonly order: GroupOrder;
  readonly priority: number;
  readonly fillMs: number;
}

/**
 * One answer to a FETCH: from the cache as far as that goes, then from upstream within the fill time, and the rest told
 * as unknown. It pauses while the receiver has much outstanding.
 */
export class FetchResponse {
  readonly wish: FetchWish;
  /** The range's end as far as objects exist; set with FETCH_OK. */
  #last: Location | null = null;
  #segments: FetchSegment[] = [];
  #position: Location;
  readonly #context: RelayContext;
  readonly #fillUntilMs: number;
  #filled = false;
  /** Why the upstream FETCH failed, if it did. */
  #fillError: RequestErrorInfo | null = null;
  #fillEnd: Location | null = null;
  #stream: DataStream | null = null;
  readonly #encoder: FetchObjectEncoder;
  readonly #timer: WheelTimer;
  #over = false;

  constructor(context: RelayContext, wish: FetchWish) {
    this.#context = context;
    this.wish = wish;
    this.#position = wish.start;
    this.#fillUntilMs = context.nowMs + wish.fillMs;
    this.#encoder = new FetchObjectEncoder(wish.order);
    this.#timer = wheelTimer(() => this.serve());
    wish.track.fetches.add(this);
    wish.peer.fetches.set(wish.request, this);
  }

  /** Goes on as far as it can. */
  serve(): void {
    if (this.#over || (this.#last === null && !this.#begin())) return;
    for (;;) {
      const segment = this.#segments[0];
      if (segment === undefined) {
        this.#finish();
        return;
      }
      if (this.#congested()) return;
      if (!this.#walk(segment)) return;
      this.#segments.shift();
    }
  }

  /** The upstream FETCH for it was refused. */
  fillFailed(error: RequestErrorInfo): void {
    this.#fillError = error;
    // What demands an extension that nobody here has must not be passed on, from the cache either (draft-18 §2.5.1).
    if (error.code !== RequestErrorCode.UNSUPPORTED_EXTENSION || this.#over) return;
    const { peer, request } = this.wish;
    if (this.#last === null) passError(this.#context, peer, request, error);
    else if (this.#stream !== null) peer.session.resetData(this.#stream, StreamResetCode.CANCELLED);
    this.#context.touch(peer);
    this.#forget();
  }

  /** The upstream FETCH for it was accepted, and its range ends there. */
  fillEnds(last: Location): void {
    this.#fillEnd = last;
  }

  /** REQUEST_UPDATE: what is not sent yet goes by the new priority (draft-18 §7.1). */
  prioritize(subscriberPriority: number): void {
    const { peer, track } = this.wish;
    if (this.#stream === null) return;
    peer.session.prioritizeData(this.#stream, streamPriority(subscriberPriority, track.policy.defaultPriority));
    this.#context.touch(peer);
  }

  /** The peer has cancelled, or its session is over. */
  drop(): void {
    this.#forget();
  }

  /** Ends it without having answered in full. */
  abort(code: number): void {
    if (this.#over) return;
    const { peer, request } = this.wish;
    if (this.#stream !== null) peer.session.resetData(this.#stream, code);
    if (this.#last === null)
      reject(this.#context, peer, request, RequestErrorCode.MALFORMED_TRACK, 'track is malformed');
    this.#context.touch(peer);
    this.#forget();
  }

  /** Finds out where the range ends, and answers FETCH_OK. */
  #begin(): boolean {
    const { track, start, last, order, peer, request, priority } = this.wish;
    if ((track.largest === null || !track.hasLiveSource) && this.#awaitFill(start)) return false;
    const { lastObject } = track;
    const largest = lastObject ?? laterOrNull(track.largest, this.#fillEnd);
    if (largest === null || compareLocations(start, largest) > 0) {
      this.#refuse(largest);
      return false;
    }
    const end = earlier(last, largest);
    if (order === 'descending' && !track.cache.known.covers(start, end) && this.#awaitFill(start)) return false;
    this.#last = end;
    const endOfTrack = lastObject !== null && compareLocations(end, lastObject) === 0;
    peer.session.acceptFetch(request, { endOfTrack, end: wireEnd(end), trackProperties: track.properties });
    this.#stream = peer.session.openFetch(request, streamPriority(priority, track.policy.defaultPriority));
    this.#context.touch(peer);
    this.#segments = segmentsOf(track.cache, start, end, order);
    this.#position = this.#segments[0]?.start ?? start;
    return true;
  }

  #refuse(largest: Location | null): void {
    const { peer, request, track } = this.wish;
    const error = this.#fillError;
    if (largest === null && error !== null) passError(this.#context, peer, request, error);
    else {
      const reason = largest === null ? 'no object of the track is known' : 'range starts behind the largest object';
      const code =
        largest === null && track.sources.size === 0 ? RequestErrorCode.DOES_NOT_EXIST : RequestErrorCode.INVALID_RANGE;
      reject(this.#context, peer, request, code, reason);
    }
    this.#forget();
  }

  /** Writes a segment; false if it has to wait. */
  #walk(segment: FetchSegment): boolean {
    const { known } = this.wish.track.cache;
    if (segment.absent) {
      if (!known.covers(segment.start, segment.end)) {
        this.#write(this.#encoder.rangeEnd({ group: segment.start.group, object: VI64_MAX }, true));
      }
      return true;
    }
    if (compareLocations(this.#position, segment.start) < 0 || compareLocations(this.#position, segment.end) > 0) {
      this.#position = segment.start;
    }
    for (;;) {
      if (this.#congested()) return false;
      const range = known.at(this.#position);
      const stop = range === null ? this.#unknownUntil(segment.end) : this.#copy(earlier(range.end, segment.end));
      if (stop === null) return false;
      if (compareLocations(stop, segment.end) >= 0) return true;
      this.#position = after(stop);
    }
  }

  /** Nothing is known here: asks upstream, or says so. Returns where that ends, or null to wait. */
  #unknownUntil(end: Location): Location | null {
    if (this.#awaitFill(this.#position)) return null;
    const next = this.wish.track.cache.known.nextAfter(this.#position);
    const stop = next === null ? end : earlier(before(next.start), end);
    this.#write(this.#encoder.rangeEnd(stop, true));
    return stop;
  }

  /** Writes the next object up to `end`; returns what is settled then, or null to wait. */
  #copy(end: Location): Location | null {
    const { cache } = this.wish.track;
    const { nowMs } = this.#context;
    const object = cache.next(this.#position);
    if (object === null || compareLocations(object, end) > 0) return end;
    const place = { group: object.group, object: object.object };
    if (object.status !== 'normal') return place;
    const group = cache.group(object.group);
    if (group === null || !cache.isValid(group, object, nowMs)) {
      if (this.#awaitsNewer()) return null;
      this.#write(this.#encoder.rangeEnd(place, true));
    } else {
      const properties = this.wish.track.propertiesAt(object, nowMs, true);
      this.#write(this.#encoder.object({ ...object, properties }));
    }
    return place;
  }

  /** A map's group comes oldest object first: whether it counts is known with its newest. */
  #awaitsNewer(): boolean {
    const { nowMs, timers } = this.#context;
    const { track } = this.wish;
    if (track.policy.shape !== 'map' || track.fills.size === 0 || nowMs >= this.#fillUntilMs) return false;
    timers.schedule(this.#timer, this.#fillUntilMs);
    return true;
  }

  #write(bytes: Uint8Array): void {
    const { peer } = this.wish;
    peer.session.writeData(this.#stream!, bytes, false);
    this.#context.touch(peer);
    peer.unsentBytes += bytes.length;
  }

  /** Whether the receiver has enough outstanding; `drained` of its connection goes on. */
  #congested(): boolean {
    const { peer } = this.wish;
    const { fetchBacklogBytes } = this.#context.limits;
    if (peer.outstandingBytes < fetchBacklogBytes) return false;
    peer.pausedFetches.add(this);
    return true;
  }

  /** Waits for objects from upstream, if there is time left and someone to ask. */
  #awaitFill(from: Location): boolean {
    const { nowMs, timers } = this.#context;
    if (nowMs >= this.#fillUntilMs) return false;
    const { track, peer, last } = this.wish;
    if (track.fills.size === 0) {
      if (this.#filled) return false;
      this.#filled = true;
      if (!fillFor(this.#context, track, peer, from, this.#last ?? last, this)) return false;
    }
    timers.schedule(this.#timer, this.#fillUntilMs);
    return true;
  }

  #finish(): void {
    const { peer } = this.wish;
    peer.session.writeData(this.#stream!, new Uint8Array(0), true);
    this.#context.touch(peer);
    this.#forget();
  }

  #forget(): void {
    if (this.#over) return;
    this.#over = true;
    const { peer, request, track } = this.wish;
    this.#context.timers.cancel(this.#timer);
    peer.fetches.delete(request);
    peer.pausedFetches.delete(this);
    track.fetches.delete(this);
    track.cache.trimHistory();
    releaseTrack(this.#context, track);
  }
}

/** Something has changed for the fetches of a track: they go on. */
export function resumeFetches(track: Track): void {
  for (const fetch of [...track.fetches]) fetch.serve();
}

/** The track is of no use any more. */
export function failFetches(track: Track): void {
  for (const fetch of [...track.fetches]) fetch.abort(StreamResetCode.MALFORMED_TRACK);
}
