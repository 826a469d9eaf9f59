import {
  createSession,
  driveSession,
  type FullTrackName,
  formatTrackName,
  hasPrefix,
  MOQT_18,
  type Notice,
  RequestErrorCode,
  type RequestErrorInfo,
  type RequestId,
  type Session,
  type SessionDriver,
  SessionTerminationCode,
  setupOptionsOf,
  type TrackNamespace,
} from '@higgins/protocol';
import type { Runtime } from '@higgins/runtime';
import type { CloseInfo, Connection, ConnectOptions, PeerInfo, Transport } from '@higgins/transport';
import { CaseFailure } from './failure.js';

export interface InteropPeerOptions {
  readonly runtime: Runtime;
  readonly transport: Transport;
  readonly relay: Omit<ConnectOptions, 'protocols' | 'signal'>;
  /** Ends every wait, and the connection attempt. */
  readonly signal: AbortSignal;
  /** Takes one line per notice. */
  log?(line: string): void;
}

type Kind = Notice['kind'];
type NoticeOf<K extends Kind> = Extract<Notice, { kind: K }>;

interface Waiter {
  matches(notice: Notice): boolean;
  resolve(notice: Notice): void;
  reject(error: Error): void;
  readonly what: string;
}

const IMPLEMENTATION = 'higgins-interop/0.1.0';
/** Notices that nobody asked for yet; a relay that sends more than a case can use is at fault. */
const NOTICES_MAX = 10_000;

/**
 * A bare MOQT client: one session, and what the peer said in it, in order. It answers what a relay may ask of a
 * publisher by itself, and leaves the rest to the case.
 */
export class InteropPeer {
  readonly session: Session;
  readonly #connection: Connection;
  readonly #driver: SessionDriver;
  readonly #options: InteropPeerOptions;
  readonly #notices: Notice[] = [];
  readonly #waiters = new Set<Waiter>();
  readonly #tracks = new Map<string, number>();
  readonly #namespaces = new Map<string, TrackNamespace>();
  #closed: CloseInfo | null = null;

  private constructor(connection: Connection, options: InteropPeerOptions) {
    const { runtime, relay } = options;
    this.#connection = connection;
    this.#options = options;
    this.session = createSession({
      role: 'client',
      profile: MOQT_18,
      setup: { ...setupOptionsOf(relay.url), implementation: IMPLEMENTATION },
      overWebTransport: connection.peer.kind === 'webtransport',
    });
    options.signal.addEventListener('abort', () => this.#failWaiters('nothing', 'in time'), { once: true });
    this.#driver = driveSession(connection, this.session, {
      nowMs: () => runtime.bootMs(),
      at: (dueMs, run) => runtime.at(dueMs, run),
      onNotice: (notice) => this.#noticed(notice),
    });
  }

  /**
   * Connects and exchanges SETUP.
   *
   * @throws TransportError if there is no connection, CaseFailure if no SETUP comes
   */
  static async connect(options: InteropPeerOptions): Promise<InteropPeer> {
    const { transport, relay, signal } = options;
    const connection = await transport.connect({ ...relay, protocols: [MOQT_18.protocol], signal });
    const peer = new InteropPeer(connection, options);
    await peer.next(['setup'], 'SETUP');
    return peer;
  }

  get info(): PeerInfo {
    return this.#connection.peer;
  }

  /** How the session ended; null while it goes on. */
  get closed(): CloseInfo | null {
    return this.#closed;
  }

  /** Gives commands to the session and carries them out. */
  command<Result>(give: (session: Session) => Result): Result {
    const result = give(this.session);
    this.#driver.pump();
    return result;
  }

  /**
   * The first notice of one of these kinds that nobody has taken yet, of this request if it is given.
   *
   * @throws CaseFailure if the session ends or the time is over before it comes
   */
  next<K extends Kind>(kinds: readonly K[], what: string, request?: RequestId): Promise<NoticeOf<K>> {
    const matches = (notice: Notice): notice is NoticeOf<K> =>
      (kinds as readonly Kind[]).includes(notice.kind) &&
      (request === undefined || ('request' in notice && notice.request === request));
    const index = this.#notices.findIndex(matches);
    if (index >= 0) return Promise.resolve(this.#notices.splice(index, 1)[0] as NoticeOf<K>);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { matches, what, reject, resolve: (notice) => resolve(notice as NoticeOf<K>) };
      this.#waiters.add(waiter);
      if (this.#closed !== null) this.#failWaiters(closeText(this.#closed), 'before the session ended');
      else if (this.#options.signal.aborted) this.#failWaiters('nothing', 'in time');
    });
  }

  /** From now on, SUBSCRIBEs to the track are accepted with the alias. Its FETCHes find no object. */
  serve(track: FullTrackName, alias: number): void {
    this.#tracks.set(track.key, alias);
  }

  /** PUBLISH_NAMESPACE; resolves with the Request ID once REQUEST_OK has come. Throws CaseFailure if it does not. */
  async announce(namespace: TrackNamespace): Promise<RequestId> {
    const request = this.command((session) => session.publishNamespace(namespace));
    const answer = await this.next(['request-ok', 'request-error'], 'REQUEST_OK to PUBLISH_NAMESPACE', request);
    if (answer.kind === 'request-error') {
      throw new CaseFailure('REQUEST_OK', errorText(answer.error), 'PUBLISH_NAMESPACE was refused');
    }
    this.#namespaces.set(namespace.key, namespace);
    return request;
  }

  /** Closes with NO_ERROR and waits until that is done; returns how the session ended. */
  async close(): Promise<CloseInfo> {
    if (this.#closed === null) {
      this.command((session) => session.close(SessionTerminationCode.NO_ERROR, 'done'));
      // Our own close is told by the transport in its next turn.
      if (this.#closed === null) await this.next(['closed'], 'the end of the session');
    }
    return this.#closed ?? { code: null, reason: '', remote: false };
  }

  #noticed(notice: Notice): void {
    this.#options.log?.(describe(notice));
    if (notice.kind === 'closed') this.#closed = notice;
    this.#respond(notice);
    for (const waiter of this.#waiters) {
      if (!waiter.matches(notice)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(notice);
      return;
    }
    if (this.#notices.length < NOTICES_MAX) this.#notices.push(notice);
    if (notice.kind === 'closed') this.#failWaiters(closeText(notice), 'before the session ended');
  }

  #failWaiters(received: string, bound: string): void {
    for (const waiter of this.#waiters) {
      waiter.reject(new CaseFailure(waiter.what, received, `${waiter.what} did not come ${bound}`));
    }
    this.#waiters.clear();
  }

  /** What a relay asks of a publisher. */
  #respond(notice: Notice): void {
    const { session } = this;
    switch (notice.kind) {
      case 'subscribe': {
        const alias = this.#tracks.get(notice.name.key);
        if (alias === undefined) session.reject(notice.request, DOES_NOT_EXIST);
        else session.acceptSubscribe(notice.request, { trackAlias: session.trackAlias(alias) });
        return;
      }
      case 'track-status':
        if (this.#tracks.has(notice.name.key)) session.acceptRequest(notice.request);
        else session.reject(notice.request, DOES_NOT_EXIST);
        return;
      case 'fetch':
        session.reject(notice.request, NO_OBJECTS);
        return;
      case 'update':
        session.acceptUpdate(notice.request);
        return;
      case 'subscribe-namespace': {
        session.acceptRequest(notice.request);
        const { prefix, request } = notice;
        for (const namespace of this.#namespaces.values()) {
          if (hasPrefix(namespace, prefix)) session.namespacePublished(request, namespace);
        }
        return;
      }
      case 'publish-namespace':
        session.acceptRequest(notice.request);
        return;
      case 'publish':
      case 'subscribe-tracks':
        session.reject(notice.request, { ...NOT_SUPPORTED, reason: `${notice.kind} is not served` });
    }
  }
}

const DOES_NOT_EXIST: RequestErrorInfo = {
  code: RequestErrorCode.DOES_NOT_EXIST,
  reason: 'no such track here',
  retryIntervalMs: null,
};
const NO_OBJECTS: RequestErrorInfo = {
  code: RequestErrorCode.INVALID_RANGE,
  reason: 'the track has no objects',
  retryIntervalMs: null,
};
const NOT_SUPPORTED: RequestErrorInfo = {
  code: RequestErrorCode.NOT_SUPPORTED,
  reason: '',
  retryIntervalMs: null,
};

/** A request that failed, in words. */
export function errorText({ code, reason }: RequestErrorInfo): string {
  const name = Object.entries(RequestErrorCode).find(([, value]) => value === code)?.[0] ?? `code ${code}`;
  return code === null ? 'a reset request stream' : `REQUEST_ERROR ${name} (${reason})`;
}

/** How a session ended, in words. */
export function closeText({ code, reason, remote }: CloseInfo): string {
  const name = Object.entries(SessionTerminationCode).find(([, value]) => value === code)?.[0] ?? `code ${code}`;
  const what = code === null ? 'a lost connection' : `a session closed with ${name}`;
  return `${what} by ${remote ? 'the relay' : 'us'} (${reason})`;
}

/** One line for people who follow a run. */
function describe(notice: Notice): string {
  const request = 'request' in notice && notice.request !== null ? ` of request ${notice.request}` : '';
  const track = 'name' in notice ? ` ${formatTrackName(notice.name)}` : '';
  if (notice.kind === 'closed') return closeText(notice);
  return `${notice.kind}${request}${track}${notice.kind === 'request-error' ? `: ${errorText(notice.error)}` : ''}`;
}
