import {
  createSession,
  driveSession,
  type Notice,
  PROTOCOLS,
  profileOf,
  type Session,
  type SessionDriver,
  type SessionLimits,
  SessionTerminationCode,
  setupOptionsOf,
} from '@higgins/protocol';
import type { Runtime } from '@higgins/runtime';
import type { Connection, ConnectOptions, ReceiverSet, Transport } from '@higgins/transport';
import type { Authorizer } from './authorizer.js';
import type { RelayLimits } from './limits.js';
import type { Peer } from './peer.js';
import { RelayCore } from './relay-core.js';

/** What a relay tells its operator. */
export type RelayEvent =
  | { readonly kind: 'session-opened'; readonly session: number; readonly address: string; readonly upstream: boolean }
  | {
      readonly kind: 'session-closed';
      readonly session: number;
      readonly address: string;
      readonly upstream: boolean;
      readonly code: number | null;
      readonly reason: string;
      readonly remote: boolean;
    }
  | { readonly kind: 'upstream-failed'; readonly url: string; readonly reason: string }
  /** A fault of the relay's own, met while it served that session, which is closed. */
  | { readonly kind: 'fault'; readonly session: number; readonly address: string; readonly error: unknown };

export interface RelayNodeOptions {
  readonly runtime: Runtime;
  readonly transport: Transport;
  /** In order of preference. */
  readonly upstreams?: readonly Omit<ConnectOptions, 'protocols' | 'signal'>[];
  readonly limits?: Partial<RelayLimits>;
  readonly sessionLimits?: Partial<SessionLimits>;
  readonly authorizer?: Authorizer;
  /** Told in SETUP. Default: nothing. */
  readonly implementation?: string;
  onEvent?(event: RelayEvent): void;
}

/** The drafts that a relay speaks, best first. */
export const RELAY_PROTOCOLS: readonly string[] = PROTOCOLS;

/** How long an attempt to dial an upstream may take, in ms. */
const CONNECT_MS_MAX = 10_000;

/**
 * A relay on a runtime and a transport: it drives the sessions of the connections it is given, dials its upstreams, and
 * keeps the core's time. The same code runs on real QUIC and in a simulated world.
 */
export class RelayNode {
  readonly core: RelayCore;
  readonly #options: RelayNodeOptions;
  readonly #runtime: Runtime;
  #timer: Disposable | null = null;
  #timerMs: number | null = null;
  #closed = false;
  #onIdle: (() => void) | null = null;

  constructor(options: RelayNodeOptions) {
    this.#options = options;
    this.#runtime = options.runtime;
    this.core = new RelayCore({
      host: {
        receiverSet: (id) => this.#receiverSet(id),
        connect: (index, uri) => void this.#connect(index, uri),
      },
      nowMs: options.runtime.bootMs(),
      random: () => options.runtime.random(),
      ...(options.limits === undefined ? {} : { limits: options.limits }),
      ...(options.authorizer === undefined ? {} : { authorizer: options.authorizer }),
      upstreams: options.upstreams?.length ?? 0,
    });
    this.#keepWallClock();
  }

  /** Dials the upstreams. */
  start(): void {
    this.core.start(this.#runtime.bootMs());
    this.#arm();
  }

  /** Takes over a connection that a listener has accepted. */
  accept(connection: Connection): void {
    this.#take(connection, 'client', {});
  }

  /**
   * Sends clients away, to `newSessionUri` if that is not empty, and resolves when they have gone, after `timeoutMs` at
   * the latest; then every session is closed.
   */
  async drain(timeoutMs: number, newSessionUri = ''): Promise<void> {
    const dueMs = this.#runtime.bootMs() + timeoutMs;
    this.core.drain(timeoutMs, newSessionUri, this.#runtime.bootMs());
    if (!this.core.idle) {
      await new Promise<void>((resolve) => {
        const late = this.#runtime.at(dueMs, resolve);
        this.#onIdle = () => {
          late[Symbol.dispose]();
          resolve();
        };
      });
    }
    const code = this.core.idle ? SessionTerminationCode.NO_ERROR : SessionTerminationCode.GOAWAY_TIMEOUT;
    this.close(code, 'relay is going away');
  }

  /** Closes every session at once. */
  close(code: number = SessionTerminationCode.NO_ERROR, reason = 'relay is closing'): void {
    if (this.#closed) return;
    this.#closed = true;
    this.core.close(code, reason, this.#runtime.bootMs());
    this.#timer?.[Symbol.dispose]();
  }

  #take(connection: Connection, kind: 'client' | 'upstream', place: { authority?: string; path?: string }): void {
    const { implementation, sessionLimits } = this.#options;
    const session = createSession({
      role: kind === 'client' ? 'server' : 'client',
      profile: profileOf(connection.peer.protocol),
      setup: { ...(implementation === undefined ? {} : { implementation }), ...place },
      overWebTransport: connection.peer.kind === 'webtransport',
      ...(sessionLimits === undefined ? {} : { limits: sessionLimits }),
    });
    const peer = this.#attach(connection, session, kind);
    this.#tell({ kind: 'session-opened', ...whoIs(peer) });
    this.#arm();
  }

  #attach(connection: Connection, session: Session, kind: 'client' | 'upstream'): Peer {
    const runtime = this.#runtime;
    let driver: SessionDriver | null = null;
    const port = {
      session,
      connection,
      pump: () => driver?.pump(),
      waitingBytes: () => driver?.waitingBytes ?? 0,
      waitingRequests: () => driver?.waitingRequests ?? 0,
    };
    const peer = this.core.attach(port, kind, runtime.bootMs());
    driver = driveSession(connection, session, {
      nowMs: () => runtime.bootMs(),
      at: (dueMs, run) => runtime.at(dueMs, run),
      onNotice: (notice) => this.#noticed(peer, notice),
      onDrained: () => {
        this.core.drained(peer, runtime.bootMs());
        this.#arm();
      },
    });
    return peer;
  }

  #noticed(peer: Peer, notice: Notice): void {
    try {
      this.core.notice(peer, notice, this.#runtime.bootMs());
    } catch (error) {
      // Whatever one peer can bring about must not end the others' sessions.
      const { session, address } = whoIs(peer);
      this.#tell({ kind: 'fault', session, address, error });
      peer.session.close(SessionTerminationCode.INTERNAL_ERROR, 'internal error');
    }
    this.#arm();
    if (notice.kind !== 'closed') return;
    const { code, reason, remote } = notice;
    this.#tell({ kind: 'session-closed', ...whoIs(peer), code, reason, remote });
    if (this.core.idle) this.#onIdle?.();
  }

  async #connect(index: number, uri: string | null): Promise<void> {
    const configured = this.#options.upstreams![index]!;
    const options = uri === null ? configured : { ...configured, url: uri };
    const abort = new AbortController();
    const late = this.#runtime.at(this.#runtime.bootMs() + CONNECT_MS_MAX, () => abort.abort());
    try {
      const { transport } = this.#options;
      const connection = await transport.connect({ ...options, protocols: RELAY_PROTOCOLS, signal: abort.signal });
      if (this.#closed || this.core.draining) connection.close(SessionTerminationCode.NO_ERROR, 'relay is closing');
      else this.#take(connection, 'upstream', setupOptionsOf(options.url));
    } catch (error) {
      if (this.#closed) return;
      this.#tell({ kind: 'upstream-failed', url: options.url, reason: reasonOf(error) });
      this.core.upstreamFailed(this.#runtime.bootMs());
      this.#arm();
    } finally {
      late[Symbol.dispose]();
    }
  }

  #receiverSet(id: number): ReceiverSet {
    return this.#options.transport.receiverSet({
      missed: (receiver, key) => {
        this.core.missed(id, receiver, key, this.#runtime.bootMs());
        this.#arm();
      },
      drained: (receiver) => {
        this.core.drainedSet(id, receiver, this.#runtime.bootMs());
        this.#arm();
      },
    });
  }

  /** One timer at a time, moved only when the core's next deadline has moved. */
  #arm(): void {
    const dueMs = this.#closed ? null : this.core.nextTimeoutMs();
    if (dueMs === this.#timerMs) return;
    this.#timer?.[Symbol.dispose]();
    this.#timerMs = dueMs;
    this.#timer = dueMs === null ? null : this.#runtime.at(dueMs, () => this.#tick());
  }

  #tick(): void {
    this.#timerMs = null;
    this.#timer = null;
    this.#keepWallClock();
    this.core.tick(this.#runtime.bootMs());
    this.#arm();
  }

  #keepWallClock(): void {
    this.core.wallOffsetMs = this.#runtime.wallMs() - this.#runtime.bootMs();
  }

  #tell(event: RelayEvent): void {
    this.#options.onEvent?.(event);
  }
}

function whoIs(peer: Peer) {
  return { session: peer.id, address: peer.connection.peer.address, upstream: peer.kind === 'upstream' };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
