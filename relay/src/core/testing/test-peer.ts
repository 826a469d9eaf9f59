import {
  createSession,
  driveSession,
  type FetchParameters,
  type FetchRange,
  type FullTrackName,
  MOQT_18,
  type Notice,
  type ReceivedObject,
  type RequestId,
  type Session,
  type SessionDriver,
  type SubscribeParameters,
} from '@higgins/protocol';
import type { VirtualRuntime } from '@higgins/runtime';
import type { Connection, ConnectOptions, Transport } from '@higgins/transport';

/** A client of a relay in a virtual world, or a server that a relay dials: a real session over the in-memory network, and everything it was told. */
export class TestPeer {
  readonly runtime: VirtualRuntime;
  readonly connection: Connection;
  readonly session: Session;
  readonly notices: Notice[] = [];
  onNotice: (notice: Notice) => void = () => undefined;
  readonly #driver: SessionDriver;

  constructor(runtime: VirtualRuntime, connection: Connection, role: 'client' | 'server' = 'client') {
    this.runtime = runtime;
    this.connection = connection;
    this.session = createSession({
      role,
      profile: MOQT_18,
      setup: role === 'server' || connection.peer.kind === 'webtransport' ? {} : { path: '/', authority: 'relay' },
    });
    this.#driver = driveSession(connection, this.session, {
      nowMs: () => runtime.bootMs(),
      at: (dueMs, run) => runtime.at(dueMs, run),
      onNotice: (notice) => {
        this.notices.push(notice);
        this.onNotice(notice);
      },
    });
  }

  static async connect(
    runtime: VirtualRuntime,
    transport: Transport,
    options: Omit<ConnectOptions, 'protocols'>,
  ): Promise<TestPeer> {
    const connection = await transport.connect({ ...options, protocols: [MOQT_18.protocol] });
    return new TestPeer(runtime, connection);
  }

  pump(): void {
    this.#driver.pump();
  }

  subscribe(name: FullTrackName, parameters: SubscribeParameters = {}): RequestId {
    const request = this.session.subscribe(name, parameters);
    this.pump();
    return request;
  }

  fetch(range: FetchRange, parameters: FetchParameters = {}): RequestId {
    const request = this.session.fetch(range, parameters);
    this.pump();
    return request;
  }

  /** SUBSCRIBE (Largest Object) with a relative joining FETCH, in one flight. */
  join(name: FullTrackName, parameters: SubscribeParameters = {}): { subscription: RequestId; fetch: RequestId } {
    const subscription = this.session.subscribe(name, { filter: { kind: 'largest-object' }, ...parameters });
    const fetch = this.session.fetch({ kind: 'relative-joining', subscription, groupsBack: 0 }, {});
    this.pump();
    return { subscription, fetch };
  }

  cancel(request: RequestId): void {
    this.session.cancel(request);
    this.pump();
  }

  of<Kind extends Notice['kind']>(kind: Kind, request?: RequestId): Extract<Notice, { kind: Kind }>[] {
    return this.notices.filter(
      (notice): notice is Extract<Notice, { kind: Kind }> =>
        notice.kind === kind && (request === undefined || ('request' in notice && notice.request === request)),
    );
  }

  /** Objects of a subscription or a fetch, in the order they came. */
  objects(request: RequestId): ReceivedObject[] {
    return this.notices.flatMap((notice) =>
      (notice.kind === 'object' || notice.kind === 'fetch-object' || notice.kind === 'datagram') &&
      notice.request === request
        ? [notice.object]
        : [],
    );
  }

  /** The same as `group/object` text. */
  places(request: RequestId): string[] {
    return this.objects(request).map(({ group, object }) => `${group}/${object}`);
  }

  /** The payloads as text. */
  texts(request: RequestId): string[] {
    return this.objects(request).map(({ payload }) => new TextDecoder().decode(payload));
  }
}
