import {
  type DataStream,
  encodeProperties,
  encodeSubgroupHeader,
  encodeSubgroupObject,
  FetchObjectEncoder,
  type FullTrackName,
  immutableProperties,
  type KeyValuePair,
  type Location,
  type Notice,
  OBJECT_PUBLISH_TIME_MS,
  OBJECT_TTL_MS,
  type ObjectStatus,
  PublishDoneCode,
  type PublishParameters,
  RequestErrorCode,
  type RequestId,
  TRACK_SHAPE,
} from '@higgins/protocol';
import type { TestPeer } from './test-peer.js';

/** One object to publish. */
export interface TestObject {
  readonly group: number;
  readonly object?: number;
  readonly payload?: string | Uint8Array;
  /** The group's last object. Default true. */
  readonly last?: boolean;
  readonly ttlMs?: number;
}

interface Stored {
  readonly group: number;
  readonly object: number;
  readonly payload: Uint8Array;
  readonly properties: Uint8Array;
  readonly datagram?: boolean;
}

/** The stream of one Subgroup. */
export interface TestSubgroup {
  readonly group: number;
  readonly subgroup?: number;
  readonly priority?: number;
  readonly endOfGroup?: boolean;
  readonly firstObject?: boolean;
}

/** The same stream at several subscriptions. */
export class TestStream {
  readonly #peer: TestPeer;
  readonly #streams: readonly DataStream[];
  #previous: number | null = null;

  constructor(peer: TestPeer, streams: readonly DataStream[]) {
    this.#peer = peer;
    this.#streams = streams;
  }

  /** Writes an object; `properties` are those of the object. */
  object(id: number, options: { payload?: string; properties?: KeyValuePair[]; status?: ObjectStatus } = {}): this {
    const { payload = `${id}`, properties = [], status = 'normal' } = options;
    const delta = this.#previous === null ? id : id - this.#previous - 1;
    const bytes = encodeSubgroupObject({
      ...{ delta, hasProperties: true, properties: encodeProperties(properties), status },
      payload: status === 'normal' ? new TextEncoder().encode(payload) : new Uint8Array(0),
    });
    this.#previous = id;
    return this.#write(bytes, false);
  }

  fin(): this {
    return this.#write(new Uint8Array(0), true);
  }

  reset(code: number): this {
    for (const stream of this.#streams) this.#peer.session.resetData(stream, code);
    this.#peer.pump();
    return this;
  }

  #write(bytes: Uint8Array, fin: boolean): this {
    for (const stream of this.#streams) this.#peer.session.writeData(stream, bytes, fin);
    this.#peer.pump();
    return this;
  }
}

/** An original publisher of one track: answers SUBSCRIBE and FETCH, and sends what is published to every subscription. */
export class TestPublisher {
  readonly peer: TestPeer;
  readonly name: FullTrackName;
  readonly trackProperties: Uint8Array;
  /** Requests that came, by kind. */
  readonly counts = { subscribe: 0, fetch: 0, cancelled: 0, update: 0 };
  /** Objects sent on subscriptions. */
  sent = 0;
  readonly #alias: number;
  readonly #stored: Stored[] = [];
  readonly #subscriptions = new Map<RequestId, Map<number, { stream: DataStream; last: number }>>();
  readonly #joining = new Map<RequestId, Location | null>();
  readonly #offered = new Set<RequestId>();

  constructor(peer: TestPeer, name: FullTrackName, options: { shape?: number; properties?: KeyValuePair[] } = {}) {
    this.peer = peer;
    this.name = name;
    this.#alias = 1000 + Number(peer.session.trackAlias(1));
    const shape = options.shape === undefined ? [] : [{ type: TRACK_SHAPE, value: options.shape }];
    this.trackProperties = encodeProperties([...shape, ...(options.properties ?? [])]);
    const before = peer.onNotice;
    peer.onNotice = (notice) => {
      before(notice);
      this.#noticed(notice);
    };
  }

  /** PUBLISH_NAMESPACE for the track's namespace; returns the request. */
  announce(): RequestId {
    const request = this.peer.session.publishNamespace(this.name.namespace);
    this.peer.pump();
    return request;
  }

  /** PUBLISH for the track; returns the request. What is published goes out on it once its Forward State is 1. */
  offer(parameters: PublishParameters = {}): RequestId {
    const largest = this.#largest();
    const { session } = this.peer;
    const told = { ...(largest === null ? {} : { largest }), ...parameters };
    const request = session.publish(this.name, this.#alias, told, this.trackProperties);
    this.#joining.set(request, largest);
    this.#offered.add(request);
    this.#setForward(request, parameters.forward ?? true);
    this.peer.pump();
    return request;
  }

  /** Ends a PUBLISH without a word. */
  withdraw(request: RequestId): void {
    this.#subscriptions.delete(request);
    this.peer.cancel(request);
  }

  get subscribed(): number {
    return this.#subscriptions.size;
  }

  /** Makes it exist without sending it, as if it had been published before anyone subscribed. */
  store(object: TestObject): Stored {
    const { group, object: id = 0, payload = `${group}/${id}`, ttlMs } = object;
    const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload;
    const publishTime = { type: OBJECT_PUBLISH_TIME_MS, value: Math.floor(this.peer.runtime.wallMs()) };
    const properties =
      ttlMs === undefined
        ? new Uint8Array(0)
        : encodeProperties([immutableProperties([{ type: OBJECT_TTL_MS, value: ttlMs }, publishTime])]);
    const stored = { group, object: id, payload: bytes, properties };
    this.#stored.push(stored);
    return stored;
  }

  publish(object: TestObject): void {
    const stored = this.store(object);
    this.send(stored, object.last ?? true);
  }

  /** Sends an object to every subscription, stored or not. */
  send(stored: Stored, last: boolean): void {
    for (const [request, streams] of this.#subscriptions) this.#sendTo(request, streams, stored, last);
    this.peer.pump();
  }

  /** Opens a stream of one Subgroup at every subscription; nothing of it is stored. */
  open(header: TestSubgroup): TestStream {
    const { group, subgroup = 0, priority = 100, endOfGroup = false, firstObject = true } = header;
    const { session } = this.peer;
    const head = encodeSubgroupHeader({
      ...{ trackAlias: this.#alias, group, subgroup, priority, endOfGroup, firstObject, hasProperties: true },
    });
    const streams = [...this.#subscriptions.keys()].map((request) => session.openSubgroup(request, head, 100));
    return new TestStream(this.peer, streams);
  }

  /** Sends an object as a datagram to every subscription, and stores it unless it is a status. */
  datagram(
    object: Pick<TestObject, 'group' | 'object' | 'payload'> & { status?: ObjectStatus; endOfGroup?: boolean },
  ): void {
    const { group, object: id = 0, payload = `${group}/${id}`, status = 'normal', endOfGroup = false } = object;
    const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload;
    const properties = new Uint8Array(0);
    if (status === 'normal') this.#stored.push({ group, object: id, payload: bytes, properties, datagram: true });
    for (const request of this.#subscriptions.keys()) {
      this.peer.session.sendDatagram(request, {
        ...{ group, object: id, priority: 100, endOfGroup, status, properties },
        payload: status === 'normal' ? bytes : properties,
      });
    }
    this.peer.pump();
  }

  /** Resets the streams that are open, in the middle of their groups; what is published next opens new ones. */
  reset(code: number): void {
    for (const streams of this.#subscriptions.values()) {
      for (const { stream } of streams.values()) this.peer.session.resetData(stream, code);
      streams.clear();
    }
    this.peer.pump();
  }

  /** Ends every subscription with TRACK_ENDED. */
  end(): void {
    for (const request of this.#subscriptions.keys()) {
      const streamCount = this.peer.session.streamsOpened(request);
      this.peer.session.publishDone(request, { code: PublishDoneCode.TRACK_ENDED, streamCount, reason: 'over' });
    }
    this.#subscriptions.clear();
    this.peer.pump();
  }

  #sendTo(
    request: RequestId,
    streams: Map<number, { stream: DataStream; last: number }>,
    { group, object, payload, properties }: Stored,
    last: boolean,
  ): void {
    const { session } = this.peer;
    let open = streams.get(group);
    if (open === undefined) {
      const head = encodeSubgroupHeader({
        trackAlias: this.#alias,
        ...{ group, subgroup: 0, priority: 100, endOfGroup: true, firstObject: object === 0, hasProperties: true },
      });
      open = { stream: session.openSubgroup(request, head, 100), last: -1 };
      streams.set(group, open);
    }
    const delta = open.last < 0 ? object : object - open.last - 1;
    const bytes = encodeSubgroupObject({ delta, properties, hasProperties: true, status: 'normal', payload });
    session.writeData(open.stream, bytes, last);
    open.last = object;
    if (last) streams.delete(group);
    this.sent++;
  }

  #setForward(request: RequestId, forward: boolean): void {
    if (!forward) this.#subscriptions.delete(request);
    else if (!this.#subscriptions.has(request)) this.#subscriptions.set(request, new Map());
  }

  #updated(request: RequestId, forward: boolean | undefined): void {
    this.counts.update++;
    const largest = this.#largest();
    if (this.#offered.has(request) && forward !== undefined) {
      if (forward && !this.#subscriptions.has(request)) this.#joining.set(request, largest);
      this.#setForward(request, forward);
    }
    this.peer.session.acceptUpdate(request, largest === null ? {} : { largest });
  }

  #noticed(notice: Notice): void {
    const { session } = this.peer;
    if (notice.kind === 'subscribe' && notice.name.key === this.name.key) {
      this.counts.subscribe++;
      const largest = this.#largest();
      session.acceptSubscribe(notice.request, {
        trackAlias: this.#alias,
        ...(largest === null ? {} : { largest }),
        trackProperties: this.trackProperties,
      });
      this.#subscriptions.set(notice.request, new Map());
      this.#joining.set(notice.request, largest);
    } else if (notice.kind === 'fetch') this.#fetch(notice);
    else if (notice.kind === 'update') this.#updated(notice.request, notice.parameters.forward);
    else if (notice.kind === 'publish-ok' && this.#offered.has(notice.request)) {
      this.#setForward(notice.request, notice.ok.forward ?? true);
    } else if (notice.kind === 'request-error' && this.#offered.has(notice.request)) {
      this.#subscriptions.delete(notice.request);
    } else if (notice.kind === 'cancelled') {
      if (this.#subscriptions.delete(notice.request)) this.counts.cancelled++;
    }
  }

  #fetch({ request, range }: Extract<Notice, { kind: 'fetch' }>): void {
    if (range.kind === 'standalone' && range.name.key !== this.name.key) return;
    if (range.kind !== 'standalone' && !this.#joining.has(range.subscription)) return;
    this.counts.fetch++;
    const { session } = this.peer;
    const largest = range.kind === 'standalone' ? this.#largest() : (this.#joining.get(range.subscription) ?? null);
    if (largest === null) {
      session.reject(request, { code: RequestErrorCode.INVALID_RANGE, reason: 'nothing yet', retryIntervalMs: null });
      return;
    }
    const from =
      range.kind === 'standalone'
        ? range.start
        : range.kind === 'absolute-joining'
          ? { group: range.startGroup, object: 0 }
          : { group: Number(largest.group) - Number(range.groupsBack), object: 0 };
    session.acceptFetch(request, {
      endOfTrack: false,
      end: { group: largest.group, object: Number(largest.object) + 1 },
      trackProperties: this.trackProperties,
    });
    const stream = session.openFetch(request, 128);
    const encoder = new FetchObjectEncoder('ascending');
    const due = this.#stored
      .filter((one) => !isBefore(one, from) && !isBefore(largest, one))
      .sort((a, b) => a.group - b.group || a.object - b.object);
    for (const one of due) {
      const object = { ...one, subgroup: one.datagram ? null : 0, status: 'normal' as const, priority: 100 };
      session.writeData(stream, encoder.object(object), false);
    }
    session.writeData(stream, new Uint8Array(0), true);
  }

  #largest(): Location | null {
    let largest: Stored | null = null;
    for (const one of this.#stored) if (largest === null || isBefore(largest, one)) largest = one;
    return largest === null ? null : { group: largest.group, object: largest.object };
  }
}

function isBefore(a: Location, b: Location): boolean {
  return a.group < b.group || (a.group === b.group && a.object < b.object);
}
