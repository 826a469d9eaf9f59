import { compareLocations, type Location, type ReceivedObject, type RequestId } from '@higgins/protocol';
import type { CachedObject } from '../cache/cached-object.js';
import { after, before, inclusiveEnd } from '../locations.js';
import type { Peer } from '../peer.js';
import type { Track } from '../track.js';
import type { Source } from './source.js';

/** What came on the stream before the track's properties were known, with the time of its arrival. */
export type Early =
  | { readonly kind: 'object'; readonly object: ReceivedObject; readonly receivedMs: number }
  | { readonly kind: 'range-end'; readonly end: Location; readonly unknown: boolean };

/** One FETCH of this relay, ascending: it fills the cache, and tells what does not exist. */
export class Fill {
  readonly kind = 'fill';
  readonly track: Track;
  readonly peer: Peer;
  readonly request: RequestId;
  /** The subscription that it joins, or null for a standalone one. */
  readonly source: Source | null;
  /** Everything before is settled; null until it is known where the range starts. */
  position: Location | null;
  /** The last Location of the range, once FETCH_OK has told it. */
  end: Location | null = null;
  /** The data stream has ended. */
  ended = false;
  /** Without the track's properties an object's TTL means nothing: it waits for FETCH_OK or SUBSCRIBE_OK. */
  early: Early[] = [];
  earlyBytes = 0;
  /** Objects above it were not forwarded yet when the subscription was lost; null: nothing is to be forwarded. */
  recoverAbove: Location | null;
  /** The newest object to forward, on a track where only that counts. */
  newest: CachedObject | null = null;

  constructor(
    track: Track,
    peer: Peer,
    request: RequestId,
    options: { source: Source | null; position: Location | null; recoverAbove: Location | null },
  ) {
    this.track = track;
    this.peer = peer;
    this.request = request;
    this.source = options.source;
    this.position = options.position;
    this.recoverAbove = options.recoverAbove;
  }

  /** The track's properties are known. */
  get informed(): boolean {
    return this.end !== null || this.source?.state === 'established' || this.track.properties.length > 0;
  }

  /** An object has come: what lies between it and the one before does not exist (draft-18 §10.12.3). */
  passObject(location: Location): void {
    const start = this.position ?? { group: location.group, object: 0 };
    if (compareLocations(start, location) < 0) this.track.cache.known.add(start, before(location));
    this.position = after(location);
  }

  /** Everything up to `end` does not exist, or is unknown. */
  passRange(end: Location, unknown: boolean): void {
    if (!unknown && this.position !== null) this.track.cache.known.add(this.position, end);
    this.position = after(end);
  }

  /** FETCH_OK: `end` as on the wire. */
  setEnd(end: Location, endOfTrack: boolean): void {
    this.end = inclusiveEnd(end);
    if (endOfTrack) this.track.end ??= after(this.end);
    if (this.ended) this.finish();
  }

  /** The stream has ended: the rest of the range does not exist. */
  finish(): void {
    this.ended = true;
    if (this.end === null || this.position === null || compareLocations(this.position, this.end) > 0) return;
    this.track.cache.known.add(this.position, this.end);
    this.position = after(this.end);
  }
}
