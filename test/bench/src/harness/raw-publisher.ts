import {
  createSession,
  driveSession,
  encodeSubgroupHeader,
  encodeSubgroupObject,
  type FullTrackName,
  MOQT_18,
  type Notice,
  RequestErrorCode,
  type RequestId,
  type Session,
  type SessionDriver,
} from '@higgins/protocol';
import type { Runtime } from '@higgins/runtime';
import { encodeObjectProperties, encodeTrackProperties } from '@higgins/signals';
import type { Connection, ConnectOptions, Transport } from '@higgins/transport';

const TTL_MS = 60_000;
const WRITER_ID = 'bench';
const SETUP_MS_MAX = 10_000;

/**
 * Publishes one state track with payloads of its own, straight through a session: no journal, no schema, nothing
 * between the clock that is read and the transport.
 */
export class RawPublisher implements Disposable {
  readonly #connection: Connection;
  readonly #session: Session;
  readonly #driver: SessionDriver;
  readonly #track: FullTrackName;
  readonly #subscriptions = new Map<RequestId, number>();
  readonly #announced = Promise.withResolvers<void>();
  #group = 0;

  private constructor(connection: Connection, runtime: Runtime, track: FullTrackName, url: string) {
    this.#connection = connection;
    this.#track = track;
    const setup = { authority: url.slice('moqt://'.length), path: '' };
    this.#session = createSession({ role: 'client', profile: MOQT_18, setup });
    this.#driver = driveSession(connection, this.#session, {
      nowMs: () => runtime.bootMs(),
      at: (dueMs, run) => runtime.at(dueMs, run),
      onNotice: (notice) => this.#take(notice),
    });
  }

  /** Connects and announces the track's namespace. */
  static async connect(
    transport: Transport,
    runtime: Runtime,
    relay: Omit<ConnectOptions, 'protocols'>,
    track: FullTrackName,
  ): Promise<RawPublisher> {
    const connection = await transport.connect({ ...relay, protocols: [MOQT_18.protocol] });
    const publisher = new RawPublisher(connection, runtime, track, relay.url);
    const timer = runtime.at(runtime.bootMs() + SETUP_MS_MAX, () =>
      publisher.#announced.reject(new Error(`no answer to PUBLISH_NAMESPACE within ${SETUP_MS_MAX} ms`)),
    );
    await publisher.#announced.promise.finally(() => timer[Symbol.dispose]());
    return publisher;
  }

  /** Sends a value in a group of its own to whoever has subscribed; the bytes must not change afterwards. */
  publish(payload: Uint8Array): void {
    const properties = encodeObjectProperties({
      ttlMs: TTL_MS,
      publishTimeMs: Date.now(),
      ...(this.#group > 0 && { previousGroup: this.#group }),
    });
    this.#group++;
    const object = encodeSubgroupObject({ delta: 0, properties, hasProperties: true, status: 'normal', payload });
    for (const [request, trackAlias] of this.#subscriptions) {
      const head = encodeSubgroupHeader({
        ...{ trackAlias, group: this.#group, subgroup: 0, priority: null },
        ...{ endOfGroup: true, firstObject: true, hasProperties: true },
      });
      const stream = this.#session.openSubgroup(request, head, 0);
      this.#session.writeData(stream, object, true);
    }
    this.#driver.pump();
  }

  [Symbol.dispose](): void {
    this.#connection.close(0, '');
  }

  #take(notice: Notice): void {
    switch (notice.kind) {
      case 'setup':
        this.#session.publishNamespace(this.#track.namespace);
        break;
      case 'request-ok':
        this.#announced.resolve();
        break;
      case 'request-error':
        this.#announced.reject(new Error(`the relay refuses the namespace: ${notice.error.reason}`));
        break;
      case 'subscribe':
        this.#accept(notice.request, notice.name);
        break;
      case 'fetch':
        // There is no past: subscribers of this track count from when they came.
        this.#session.reject(notice.request, { ...NOTHING, reason: 'no object yet' });
        break;
      case 'cancelled':
        this.#subscriptions.delete(notice.request);
        break;
      case 'closed':
        this.#announced.reject(new Error(`the relay closed the session: ${notice.reason}`));
        break;
    }
  }

  #accept(request: RequestId, name: FullTrackName): void {
    if (name.key !== this.#track.key) {
      this.#session.reject(request, { ...NOTHING, reason: 'another track' });
      return;
    }
    const trackAlias = this.#session.trackAlias(1);
    const trackProperties = encodeTrackProperties({ shape: 'state', contentFormat: 'cbor', writerId: WRITER_ID });
    this.#session.acceptSubscribe(request, { trackAlias, trackProperties });
    this.#subscriptions.set(request, Number(trackAlias));
  }
}

const NOTHING = { code: RequestErrorCode.DOES_NOT_EXIST, retryIntervalMs: null };
