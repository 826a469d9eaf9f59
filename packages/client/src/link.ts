import {
  createSession,
  driveSession,
  type Notice,
  profileOf,
  RequestErrorCode,
  type RequestErrorInfo,
  type RequestId,
  type Session,
  type SessionDriver,
  type SetupOptions,
} from '@higgins/protocol';
import type { Runtime } from '@higgins/runtime';
import type { CloseInfo, Connection } from '@higgins/transport';
import type { Publisher } from './publisher.js';
import { TrackServer } from './track-server.js';

/** Takes the notices of one request of ours, up to the one that ends it. */
export type RequestHandler = (notice: Notice) => void;

export interface LinkOptions {
  readonly runtime: Runtime;
  readonly connection: Connection;
  readonly role: 'client' | 'server';
  readonly setup: SetupOptions;
  /** Whose tracks are served to the peer. */
  readonly publisher: Publisher;
  /** The peer's SETUP has come: requests may be sent. */
  onEstablished(link: Link): void;
  onGoaway(link: Link, newSessionUri: string): void;
  /** The session is over; comes once. */
  onClosed(link: Link, info: CloseInfo): void;
}

/** One session over one connection: hands each notice to whoever it concerns. */
export class Link {
  readonly connection: Connection;
  readonly session: Session;
  readonly server: TrackServer;
  readonly #options: LinkOptions;
  readonly #driver: SessionDriver;
  readonly #handlers = new Map<RequestId, RequestHandler>();

  constructor(options: LinkOptions) {
    const { runtime, connection, role, setup } = options;
    this.#options = options;
    this.connection = connection;
    const overWebTransport = connection.peer.kind === 'webtransport';
    this.session = createSession({ role, profile: profileOf(connection.peer.protocol), setup, overWebTransport });
    this.server = new TrackServer(this, runtime, options.publisher);
    this.#driver = driveSession(connection, this.session, {
      nowMs: () => runtime.bootMs(),
      at: (dueMs, run) => runtime.at(dueMs, run),
      onNotice: (notice) => this.#dispatch(notice),
      onDrained: () => this.server.drained(),
    });
  }

  /** Carries out commands that were given outside of a notice. */
  pump(): void {
    this.#driver.pump();
  }

  /** Names who takes the notices of a request; it is forgotten with the notice that ends the request. */
  handle(request: RequestId, handler: RequestHandler): void {
    this.#handlers.set(request, handler);
  }

  /** Cancels a request of ours: its handler hears nothing more. */
  cancel(request: RequestId): void {
    this.#handlers.delete(request);
    this.session.cancel(request);
    this.pump();
  }

  close(code: number, reason: string): void {
    this.session.close(code, reason);
    this.pump();
  }

  #dispatch(notice: Notice): void {
    switch (notice.kind) {
      case 'setup':
        this.#options.onEstablished(this);
        return;
      case 'subscribe':
        this.server.subscribe(notice);
        return;
      case 'fetch':
        this.server.fetch(notice);
        return;
      case 'track-status':
        this.server.trackStatus(notice);
        return;
      case 'update':
        this.server.update(notice);
        return;
      case 'cancelled':
        this.server.cancelled(notice.request);
        return;
      case 'publish-namespace':
        // Subscriptions go to the configured relays, whatever else is on offer.
        this.session.reject(notice.request, UNINTERESTED);
        return;
      case 'publish':
      case 'subscribe-namespace':
      case 'subscribe-tracks':
        this.session.reject(notice.request, notServed(notice.kind));
        return;
      case 'goaway':
        this.#goaway(notice.request, notice.newSessionUri);
        return;
      case 'closed':
        this.server.close();
        this.#handlers.clear();
        this.#options.onClosed(this, notice);
        return;
      default:
        this.#answer(notice.request, notice);
        return;
    }
  }

  #answer(request: RequestId, notice: Notice): void {
    const handler = this.#handlers.get(request);
    if (endsRequest(notice)) this.#handlers.delete(request);
    handler?.(notice);
  }

  #goaway(request: RequestId | null, newSessionUri: string): void {
    // A request that has to move is sent again on the next session with everything else.
    if (request === null) this.#options.onGoaway(this, newSessionUri);
  }
}

const UNINTERESTED = {
  code: RequestErrorCode.UNINTERESTED,
  reason: 'this endpoint subscribes through its own configuration',
  retryIntervalMs: null,
};

function notServed(kind: Notice['kind']): RequestErrorInfo {
  return { code: RequestErrorCode.NOT_SUPPORTED, reason: `${kind} is not served`, retryIntervalMs: null };
}

function endsRequest(notice: Notice): boolean {
  if (notice.kind === 'request-error') return !notice.update;
  return notice.kind === 'publish-done' || notice.kind === 'fetch-end' || notice.kind === 'fetch-reset';
}
