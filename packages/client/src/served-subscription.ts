import {
  compareLocations,
  encodeSubgroupHeader,
  encodeSubgroupObject,
  type Location,
  PublishDoneCode,
  type RequestId,
  StreamResetCode,
  type SubscribeParameters,
  type SubscriptionFilter,
  UNCOUNTED_HOLD_MS,
  type Vi64,
} from '@higgins/protocol';
import type { Runtime } from '@higgins/runtime';
import { agedProperties, type WrittenGroup, type WrittenObject } from './core/track-writer.js';
import { BACKLOG_BYTES_CONFLATING, BACKLOG_BYTES_MAX } from './limits.js';
import type { Link } from './link.js';
import type { PublishedTrack } from './published-track.js';

const NO_BYTES = new Uint8Array(0);
const DEFAULT_PRIORITY = 128;

/**
 * A subscription of a peer to one of our tracks, from SUBSCRIBE_OK on. Each object goes out once; groups are left out
 * only where the subscriber allows it by a delivery timeout, never the newest one for good.
 */
export class ServedSubscription {
  readonly request: RequestId;
  readonly track: PublishedTrack;
  readonly trackAlias: Vi64;
  /** The newest group when the subscription was accepted, for its joining FETCH; null: nothing was published. */
  joining: WrittenGroup | null;
  readonly #link: Link;
  readonly #runtime: Runtime;
  #start: Location;
  #endGroup: Vi64 | null = null;
  #forward: boolean;
  #priority: number;
  #conflating: boolean;
  #stream: { readonly group: number; readonly id: number } | null = null;
  /** The group that could not be sent yet, or not whole. */
  #behind = false;

  /** `joining`: the newest group at the time; what is committed from then on is live. */
  constructor(
    link: Link,
    runtime: Runtime,
    request: RequestId,
    track: PublishedTrack,
    joining: WrittenGroup | null,
    parameters: SubscribeParameters,
  ) {
    this.#link = link;
    this.#runtime = runtime;
    this.request = request;
    this.track = track;
    this.trackAlias = link.session.trackAlias(track.alias);
    this.joining = joining;
    this.#start = startOf(parameters.filter, this.joining);
    if (parameters.filter?.kind === 'absolute-range') this.#endGroup = parameters.filter.endGroup;
    this.#forward = parameters.forward ?? true;
    this.#priority = parameters.subscriberPriority ?? DEFAULT_PRIORITY;
    this.#conflating = conflates(parameters);
  }

  /** REQUEST_UPDATE: what is absent stays (draft-18 §10.9). */
  update(parameters: SubscribeParameters): void {
    if (parameters.forward === true && !this.#forward) this.joining = this.track.writer.newest;
    this.#forward = parameters.forward ?? this.#forward;
    this.#priority = parameters.subscriberPriority ?? this.#priority;
    if (parameters.objectDeliveryTimeoutMs !== undefined || parameters.subgroupDeliveryTimeoutMs !== undefined) {
      this.#conflating = conflates(parameters);
    }
    if (parameters.filter === undefined) return;
    this.#start = startOf(parameters.filter, this.track.writer.newest);
    this.#endGroup = parameters.filter.kind === 'absolute-range' ? parameters.filter.endGroup : null;
  }

  /** Sends an object that was committed just now. */
  committed(group: WrittenGroup, object: WrittenObject, newGroup: boolean): void {
    if (newGroup) this.#finishStream();
    if (this.#endGroup !== null && group.group > this.#endGroup) {
      this.end(PublishDoneCode.SUBSCRIPTION_ENDED, '');
      return;
    }
    if (!this.#passes(group.group, object.object)) return;
    if (this.#mustWait()) this.#fallBehind();
    else this.#send(group.group, object);
  }

  /** The backlog is small again: sends what is newest, if it is missing. */
  drained(): void {
    if (!this.#behind) return;
    this.#behind = false;
    const newest = this.track.writer.newest;
    const object = newest?.objects[0];
    // A map or event track goes on with its next object: the subscriber sees the gap and fetches what it lacks.
    if (this.track.shape === 'state' && newest !== null && object !== undefined) this.committed(newest, object, true);
  }

  /** Ends the subscription with PUBLISH_DONE. */
  end(code: number, reason: string): void {
    this.#finishStream();
    const { session } = this.#link;
    session.publishDone(this.request, { code, reason, streamCount: session.streamsOpened(this.request) });
    this.#link.server.forget(this);
  }

  #send(group: number, object: WrittenObject): void {
    const { session } = this.#link;
    const nowBootMs = this.#runtime.bootMs();
    if (this.#stream === null || this.#stream.group !== group) {
      this.#stream = { group, id: session.openSubgroup(this.request, this.#head(group, object), this.#rank()) };
      session.writeData(this.#stream.id, encodeFirst(object, nowBootMs), this.track.shape === 'state');
    } else {
      session.writeData(this.#stream.id, encodeNext(object, nowBootMs), false);
    }
    if (this.track.shape === 'state') this.#stream = null;
  }

  #head(group: number, object: WrittenObject): Uint8Array {
    return encodeSubgroupHeader({
      trackAlias: this.trackAlias,
      group,
      subgroup: 0,
      priority: null,
      endOfGroup: true,
      firstObject: object.object === 0,
      hasProperties: true,
    });
  }

  // Streams with lower numbers go first: the subscriber's priority, then the publisher's (draft-18 §7.2).
  #rank(): number {
    return this.#priority * 256 + DEFAULT_PRIORITY;
  }

  #passes(group: number, object: number): boolean {
    return this.#forward && compareLocations({ group, object }, this.#start) >= 0;
  }

  #mustWait(): boolean {
    return this.#link.connection.backlogBytes() >= (this.#conflating ? BACKLOG_BYTES_CONFLATING : BACKLOG_BYTES_MAX);
  }

  #fallBehind(): void {
    if (!this.#conflating) {
      this.end(PublishDoneCode.TOO_FAR_BEHIND, 'the backlog is too large');
      return;
    }
    if (this.#stream !== null) this.#link.session.resetData(this.#stream.id, StreamResetCode.DELIVERY_TIMEOUT);
    this.#stream = null;
    this.#behind = true;
    this.#link.connection.notifyBacklogBelow(BACKLOG_BYTES_CONFLATING / 2);
  }

  #finishStream(): void {
    if (this.#stream !== null) this.#link.session.writeData(this.#stream.id, NO_BYTES, true);
    this.#stream = null;
  }
}

/** Where a filter starts (draft-18 §5.1.2). Only what is published from now on is sent, wherever it starts. */
function startOf(filter: SubscriptionFilter | undefined, newest: WrittenGroup | null): Location {
  if (filter?.kind === 'absolute-start' || filter?.kind === 'absolute-range') return filter.start;
  if (newest === null || filter === undefined) return { group: 0, object: 0 };
  if (filter.kind === 'next-group-start') return { group: newest.group + 1, object: 0 };
  return { group: newest.group, object: newest.objects.length };
}

function conflates(parameters: SubscribeParameters): boolean {
  return (parameters.objectDeliveryTimeoutMs ?? 0) > 0 || (parameters.subgroupDeliveryTimeoutMs ?? 0) > 0;
}

// The bytes of an object are the same for all who get it in the same moment, unless its stream starts in mid-group.
const encoded = new WeakMap<WrittenObject, { readonly atBootMs: number; readonly bytes: Uint8Array }>();

function encodeNext(object: WrittenObject, nowBootMs: number): Uint8Array {
  const known = encoded.get(object);
  if (known !== undefined && nowBootMs - known.atBootMs <= UNCOUNTED_HOLD_MS) return known.bytes;
  const bytes = encodeObject(object, 0, nowBootMs);
  encoded.set(object, { atBootMs: nowBootMs, bytes });
  return bytes;
}

function encodeFirst(object: WrittenObject, nowBootMs: number): Uint8Array {
  return object.object === 0 ? encodeNext(object, nowBootMs) : encodeObject(object, object.object, nowBootMs);
}

function encodeObject(object: WrittenObject, delta: number, nowBootMs: number): Uint8Array {
  const properties = agedProperties(object, nowBootMs);
  return encodeSubgroupObject({ delta, properties, payload: object.payload, hasProperties: true, status: 'normal' });
}
