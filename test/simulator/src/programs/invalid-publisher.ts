import { groupId, nextEpoch } from '@higgins/client';
import {
  encodeProperties,
  encodeSubgroupHeader,
  encodeSubgroupObject,
  FetchObjectEncoder,
  type Notice,
  OBJECT_AGE_MS,
  OBJECT_PUBLISH_TIME_MS,
  OBJECT_TTL_MS,
  RequestErrorCode,
  type RequestId,
  withInteger,
} from '@higgins/protocol';
import { applied, encodeObjectProperties, encodeTrackProperties, organisationList, parsePath } from '@higgins/signals';
import type { Identity } from '@higgins/transport';
import type { ProcessContext, Program } from '../frame/node.js';
import { appliedOf } from './data-content.js';
import { type AuthoredList, type ListAuthor, versionOf } from './list-author.js';
import { keepRawSession, type RawSession } from './raw-session.js';

export interface InvalidPublisherOptions {
  readonly identity: Identity;
  readonly authoritiesPem: string;
  readonly relay: string;
  readonly author: ListAuthor;
  readonly list: AuthoredList;
  readonly ttlMs: number;
  /** Mean pause between two objects. */
  readonly intervalMs: number;
  /** From this world time on only renewals of the newest object. */
  readonly untilMs: number;
}

/** What can be wrong with an object. */
const FAULTS = ['no content at all', 'not the content format', 'another schema', 'a field out of range'] as const;
type Fault = (typeof FAULTS)[number];

/** Share of objects that are as they should be. */
const VALID_RATE = 0.5;
/** Share of objects whose TTL is beyond every bound: consumers cut it. */
const ENDLESS_RATE = 0.2;
const ENDLESS_MS = 10 * 365 * 86_400_000;
const DEFAULT_PRIORITY = 128;

interface Written {
  readonly group: number;
  readonly payload: Uint8Array;
  readonly properties: Uint8Array;
  readonly atBootMs: number;
}

/**
 * Publishes one list by the protocol alone, with objects among the good ones that no consumer may take. It keeps
 * nothing on disk: its epoch follows the clock.
 */
export function invalidPublisherProgram(options: InvalidPublisherOptions): Program {
  return (context) => new InvalidPublisher(context, options).start();
}

class InvalidPublisher {
  readonly #context: ProcessContext;
  readonly #options: InvalidPublisherOptions;
  readonly #epoch: number;
  #counter = 0;
  #newest: Written | null = null;
  /** What is wrong with it. */
  #spoiled: Fault | null = null;
  #raw: RawSession | null = null;
  #subscription: RequestId | null = null;

  constructor(context: ProcessContext, options: InvalidPublisherOptions) {
    this.#context = context;
    this.#options = options;
    this.#epoch = nextEpoch({ storedEpoch: null, seenEpoch: null, wallMs: context.runtime.wallMs() });
  }

  start(): void {
    const { relay: url, identity, authoritiesPem } = this.#options;
    keepRawSession(this.#context, {
      ...{ url, identity, authoritiesPem },
      up: (raw) => {
        this.#raw = raw;
        raw.session.publishNamespace(this.#name.namespace);
      },
      down: () => {
        this.#raw = null;
        this.#subscription = null;
      },
      noticed: (raw, notice) => this.#noticed(raw, notice),
    });
    this.#write();
    this.#writeLater();
  }

  get #name() {
    return parsePath(this.#options.list.track);
  }

  #writeLater(): void {
    const { runtime } = this.#context;
    runtime.at(runtime.bootMs() + this.#options.intervalMs * 2 * runtime.random(), () => {
      if (runtime.world.nowMs < this.#options.untilMs) this.#write();
      else this.#renew();
      this.#writeLater();
    });
  }

  #write(): void {
    const { runtime } = this.#context;
    const fault = runtime.random() < VALID_RATE ? null : FAULTS[Math.floor(runtime.random() * FAULTS.length)]!;
    const { author, list } = this.#options;
    const valid = organisationList.encode(author.write(list, runtime.wallMs()));
    this.#publish(fault === null ? valid : spoiled(valid, fault), fault);
  }

  #renew(): void {
    if (this.#newest !== null) this.#publish(this.#newest.payload, undefined);
  }

  /** `fault` undefined: that of the object before. */
  #publish(payload: Uint8Array, fault: Fault | null | undefined): void {
    const { runtime, node, observe } = this.#context;
    const { author, list } = this.#options;
    const { track } = list;
    const endless = runtime.random() < ENDLESS_RATE;
    const ttlMs = endless ? ENDLESS_MS : this.#options.ttlMs;
    const group = groupId(this.#epoch, this.#counter++);
    const properties = propertiesOf(ttlMs, Math.round(runtime.wallMs()), runtime.random() < 0.5);
    const place = { node: node.name, track, group, object: 0 };
    const bad = fault === undefined ? this.#spoiled : fault;
    if (bad !== null) observe({ kind: 'spoiled', ...place, fault: bad });
    else {
      const version = versionOf(payload);
      author.committed(track, version);
      const effectiveMs = Math.min(ttlMs, organisationList.ttlMsMax);
      observe({ kind: 'committed', ...place, payload, ttlMs: effectiveMs, version });
    }
    this.#spoiled = bad;
    this.#newest = { group, payload, properties, atBootMs: runtime.bootMs() };
    if (this.#raw !== null && this.#subscription !== null) this.#send(this.#raw, this.#subscription, this.#newest);
  }

  #send(raw: RawSession, subscription: RequestId, { group, payload, properties }: Written): void {
    const header = { trackAlias: 0, group, subgroup: 0, priority: null, endOfGroup: true, firstObject: true };
    const stream = raw.session.openSubgroup(subscription, encodeSubgroupHeader({ ...header, hasProperties: true }), 0);
    const object = encodeSubgroupObject({ delta: 0, properties, payload, hasProperties: true, status: 'normal' });
    raw.session.writeData(stream, object, true);
    raw.pump();
  }

  #noticed(raw: RawSession, notice: Notice): void {
    const { session } = raw;
    const newest = this.#newest;
    if (notice.kind === 'subscribe') {
      if (newest === null) refuse(raw, notice.request);
      else this.#accept(raw, notice.request, newest);
    } else if (notice.kind === 'fetch') {
      if (newest === null) refuse(raw, notice.request);
      else this.#answer(raw, notice.request, newest);
    } else if (notice.kind === 'cancelled' && notice.request === this.#subscription) this.#subscription = null;
    else if (notice.kind === 'track-status') refuse(raw, notice.request);
    else if (notice.kind === 'update') session.acceptUpdate(notice.request);
  }

  #accept({ session }: RawSession, request: RequestId, { group }: Written): void {
    this.#subscription = request;
    const largest = { group, object: 0 };
    session.acceptSubscribe(request, { trackAlias: session.trackAlias(0), largest, trackProperties: TRACK });
  }

  #answer({ session }: RawSession, request: RequestId, { group, payload, properties: fixed, atBootMs }: Written): void {
    const ageMs = Math.ceil(this.#context.runtime.bootMs() - atBootMs);
    const properties = withInteger(fixed, OBJECT_AGE_MS, ageMs);
    session.acceptFetch(request, { endOfTrack: false, end: { group, object: 1 }, trackProperties: TRACK });
    const stream = session.openFetch(request, 0);
    const place = { group, object: 0, subgroup: 0, status: 'normal' as const, priority: DEFAULT_PRIORITY };
    const encoder = new FetchObjectEncoder('ascending');
    session.writeData(stream, encoder.object({ ...place, properties, payload }), true);
  }
}

const TRACK = encodeTrackProperties({ shape: 'state', contentFormat: 'cbor', writerId: 'invalid' });

function refuse({ session }: RawSession, request: RequestId): void {
  session.reject(request, { code: RequestErrorCode.DOES_NOT_EXIST, reason: 'nothing there', retryIntervalMs: 1000 });
}

function spoiled(valid: Uint8Array, fault: Fault): Uint8Array {
  switch (fault) {
    case 'no content at all':
      return new Uint8Array(0);
    case 'not the content format':
      return valid.slice(0, valid.length - 3);
    case 'another schema':
      return applied.encode(appliedOf(1));
    case 'a field out of range':
      return organisationList.encodeTombstone({ version: -1, deletedWallMs: null });
  }
}

/** Some writers put their properties where relays may change them. */
function propertiesOf(ttlMs: number, publishTimeMs: number, mutable: boolean): Uint8Array {
  if (!mutable) return encodeObjectProperties({ ttlMs, publishTimeMs });
  return encodeProperties([
    { type: OBJECT_TTL_MS, value: ttlMs },
    { type: OBJECT_PUBLISH_TIME_MS, value: publishTimeMs },
  ]);
}
