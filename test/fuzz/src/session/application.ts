import {
  encodeSubgroupHeader,
  encodeSubgroupObject,
  FetchObjectEncoder,
  type FetchRange,
  type FullTrackName,
  fullTrackName,
  type GroupOrder,
  type MoqtSession,
  type Notice,
  PublishDoneCode,
  RequestError,
  RequestErrorCode,
  type RequestErrorInfo,
  type RequestId,
  StreamResetCode,
  type TrackNamespace,
  trackNamespace,
} from '@higgins/protocol';
import type { Command } from './step.js';

const NONE = new Uint8Array(0);
const REFUSAL: RequestErrorInfo = { code: RequestErrorCode.DOES_NOT_EXIST, reason: 'refused', retryIntervalMs: null };

/** A request of the peer's, as far as the application has heard of it. */
interface Served {
  readonly kind: Notice['kind'];
  /** Of a SUBSCRIBE_NAMESPACE or SUBSCRIBE_TRACKS, until it is updated. */
  prefix: TrackNamespace | null;
  answered: boolean;
  updates: number;
  readonly streams: number[];
  readonly order: GroupOrder;
  fetch: FetchObjectEncoder | null;
  group: number;
}

/** An application that uses a session as its contract says, and in any order that the contract allows. */
export class Application {
  readonly #session: MoqtSession;
  readonly #own: RequestId[] = [];
  readonly #subscriptions: RequestId[] = [];
  readonly #served = new Map<RequestId, Served>();
  goawaySent = false;

  constructor(session: MoqtSession) {
    this.#session = session;
  }

  get ownRequests(): number {
    return this.#own.length;
  }

  /** The most updates without a response that one request has. */
  get updatesOpen(): number {
    return Math.max(0, ...[...this.#served.values()].map(({ updates }) => updates));
  }

  hear(notice: Notice): void {
    switch (notice.kind) {
      case 'subscribe':
      case 'fetch':
      case 'publish-namespace':
      case 'track-status':
      case 'publish':
      case 'subscribe-namespace':
      case 'subscribe-tracks':
        this.#served.set(notice.request, serving(notice));
        break;
      case 'update': {
        const served = this.#served.get(notice.request);
        if (served === undefined) throw new Error(`notice of an update of request ${notice.request}, which is over`);
        served.updates++;
        // Which prefix holds depends on the answer: nothing is told under it any more.
        served.prefix = null;
        break;
      }
      case 'request-error':
        if (!notice.update) this.#served.delete(notice.request);
        break;
      case 'publish-done':
      case 'cancelled':
        this.#served.delete(notice.request);
    }
  }

  /** Does what `command` is for, if there is something to do it to. */
  act(command: Command, a: number, b: number): void {
    switch (command) {
      case 'subscribe':
      case 'fetch':
      case 'join':
      case 'announce':
      case 'status':
      case 'publish':
      case 'ask-namespaces':
      case 'ask-tracks':
        this.#ask(command, a, b);
        break;
      case 'update':
        if (this.#subscriptions.length > 0)
          this.#session.update(pick(this.#subscriptions, a), { subscriberPriority: b & 255 });
        break;
      case 'cancel':
        if (this.#own.length > 0) this.#session.cancel(pick(this.#own, a));
        break;
      case 'goaway':
        this.goawaySent = true;
        this.#session.goaway(this.#session.role === 'server' && a % 2 ? 'moqt://b.example/' : '', (b % 3) * 1000);
        break;
      default:
        this.#serve(command, a, b);
    }
  }

  /** Gives up everything that it asked for and everything that it serves. */
  leave(): void {
    for (const request of this.#own) this.#session.cancel(request);
    for (const [request, { kind }] of this.#served) {
      if (kind !== 'publish-ok') this.#session.abort(request, StreamResetCode.CANCELLED);
    }
    this.#served.clear();
  }

  #ask(command: Command, a: number, b: number): void {
    const session = this.#session;
    const name = track(a);
    if (command === 'subscribe') {
      const request = session.subscribe(name, b % 3 === 0 ? { objectDeliveryTimeoutMs: b } : {});
      this.#own.push(request);
      this.#subscriptions.push(request);
    } else if (command === 'announce') this.#own.push(session.publishNamespace(name.namespace));
    else if (command === 'status') this.#own.push(session.trackStatus(name));
    else if (command === 'ask-namespaces') this.#own.push(session.subscribeNamespace(name.namespace));
    else if (command === 'ask-tracks') this.#own.push(session.subscribeTracks(name.namespace));
    else if (command === 'publish') this.#publish(name, b);
    else if (command === 'fetch')
      this.#own.push(session.fetch(standalone(a, b), { groupOrder: b % 2 ? 'descending' : 'ascending' }));
    else if (this.#subscriptions.length > 0) {
      const subscription = pick(this.#subscriptions, a);
      this.#own.push(session.fetch({ kind: 'relative-joining', subscription, groupsBack: b % 4 }, {}));
    }
  }

  // The one refusal that a command makes for what the peer may have done meanwhile.
  #publish(name: FullTrackName, b: number): void {
    const alias = this.#session.trackAlias(b % 5);
    try {
      const request = this.#session.publish(name, alias);
      this.#own.push(request);
      this.#served.set(request, { ...serving({ kind: 'publish' }), kind: 'publish-ok', answered: true });
    } catch (error) {
      if (!(error instanceof RequestError) || error.code !== RequestErrorCode.DUPLICATE_SUBSCRIPTION) throw error;
    }
  }

  #serve(command: Command, a: number, b: number): void {
    const entries = [...this.#served];
    if (entries.length === 0) return;
    const [request, served] = pick(entries, a);
    const session = this.#session;
    if (command === 'accept' && !served.answered) this.#accept(request, served, b);
    else if (command === 'refuse' && !served.answered) {
      this.#served.delete(request);
      session.reject(request, REFUSAL);
    } else if (command === 'accept-update' && served.updates > 0) {
      served.updates--;
      session.acceptUpdate(request);
    } else if (command === 'refuse-update' && served.updates > 0) this.#refuseUpdate(request, served);
    else if (command === 'abort') {
      this.#served.delete(request);
      if (served.kind === 'publish-ok') session.cancel(request);
      else session.abort(request, StreamResetCode.GOING_AWAY);
    } else if (command === 'done' && isPublishing(served)) this.#done(request, PublishDoneCode.TRACK_ENDED);
    else if (served.prefix !== null && served.answered) this.#tell(command, request, served.prefix, b);
    else this.#data(command, request, served, b);
  }

  #accept(request: RequestId, served: Served, b: number): void {
    served.answered = true;
    if (served.kind === 'subscribe')
      this.#session.acceptSubscribe(request, { trackAlias: this.#session.trackAlias(b % 5) });
    else if (served.kind === 'fetch') {
      this.#session.acceptFetch(request, { endOfTrack: b % 2 === 0, end: { group: 2 ** 40, object: 0 } });
    } else {
      if (served.kind === 'track-status') this.#served.delete(request);
      if (served.kind === 'publish') this.#session.acceptPublish(request);
      else this.#session.acceptRequest(request);
    }
  }

  #refuseUpdate(request: RequestId, served: Served): void {
    served.updates = 0;
    this.#session.rejectUpdate(request, REFUSAL);
    if (isPublishing(served)) this.#done(request, PublishDoneCode.UPDATE_FAILED);
    else if (served.kind !== 'publish') this.#served.delete(request);
  }

  #done(request: RequestId, code: number): void {
    this.#served.delete(request);
    const streamCount = this.#session.streamsOpened(request);
    this.#session.publishDone(request, { code, streamCount, reason: 'over' });
  }

  #tell(command: Command, request: RequestId, prefix: TrackNamespace, b: number): void {
    const namespace = trackNamespace([...prefix.fields, new Uint8Array([0x70 + (b % 3)])]);
    const { kind } = this.#served.get(request)!;
    if (kind === 'subscribe-tracks') {
      if (command === 'block') this.#session.publishBlocked(request, fullTrackName(namespace, NONE));
    } else if (command === 'tell-namespace') this.#session.namespacePublished(request, namespace);
    else if (command === 'untell-namespace') this.#session.namespaceDone(request, namespace);
  }

  #data(command: Command, request: RequestId, served: Served, b: number): void {
    const session = this.#session;
    if (command === 'open-data') {
      if (isPublishing(served)) {
        served.streams.push(session.openSubgroup(request, head(b % 5, served.group++), b & 255));
      } else if (served.kind === 'fetch' && served.fetch === null) {
        served.fetch = new FetchObjectEncoder(served.order);
        served.streams.push(session.openFetch(request, b & 255));
      }
    } else if (served.streams.length > 0) {
      const stream = pick(served.streams, b);
      if (command === 'write') session.writeData(stream, this.#object(served, b), false);
      else if (command === 'end-data') session.writeData(stream, NONE, true);
      else if (command === 'reset-data') session.resetData(stream, StreamResetCode.DELIVERY_TIMEOUT);
    }
  }

  #object(served: Served, b: number): Uint8Array {
    const payload = new Uint8Array([b & 255]);
    if (served.fetch === null) {
      return encodeSubgroupObject({ delta: 0, properties: NONE, hasProperties: false, status: 'normal', payload });
    }
    const group = served.order === 'ascending' ? served.group++ : served.group--;
    return served.fetch.object({
      group,
      subgroup: 0,
      object: 0,
      status: 'normal',
      priority: 1,
      properties: NONE,
      payload,
    });
  }
}

type Asked =
  | Extract<Notice, { kind: 'fetch' | 'subscribe-namespace' | 'subscribe-tracks' }>
  | { readonly kind: 'subscribe' | 'publish' | 'publish-namespace' | 'track-status' };

function serving(notice: Asked): Served {
  return {
    kind: notice.kind,
    prefix: 'prefix' in notice ? notice.prefix : null,
    answered: false,
    updates: 0,
    streams: [],
    order: (notice.kind === 'fetch' ? notice.parameters.groupOrder : undefined) ?? 'ascending',
    fetch: null,
    group: 1000,
  };
}

/** Whether the application is the publisher of a subscription that stands, or that it has offered. */
function isPublishing({ kind, answered }: Served): boolean {
  return answered && (kind === 'subscribe' || kind === 'publish-ok');
}

/** One of a few tracks, so that requests for the same one meet. */
export function track(a: number) {
  return fullTrackName(trackNamespace([new Uint8Array([0x61 + (a % 3)])]), new Uint8Array([0x78]));
}

function standalone(a: number, b: number): FetchRange {
  return { kind: 'standalone', name: track(a), start: { group: b % 9, object: 0 }, end: { group: b % 9, object: 4 } };
}

function head(trackAlias: number, group: number): Uint8Array {
  const others = { subgroup: 0, priority: null, endOfGroup: true, firstObject: true, hasProperties: false };
  return encodeSubgroupHeader({ trackAlias, group, ...others });
}

function pick<T>(values: readonly T[], a: number): T {
  return values[a % values.length]!;
}
