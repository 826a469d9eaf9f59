import { PROTOCOLS, SessionTerminationCode, type SetupOptions, setupOptionsOf } from '@higgins/protocol';
import type { Runtime } from '@higgins/runtime';
import type { CloseInfo, Connection, ConnectOptions, Transport } from '@higgins/transport';
import { type ClientCounters, type ClientEvent, reasonOf } from './client-events.js';
import { Backoff } from './core/backoff.js';
import { CONNECT_TIMEOUT_MS, CONNECTION_STABLE_MS, HANDOVER_CHECK_MS, HANDOVER_MS_MAX } from './limits.js';
import { Link } from './link.js';
import type { Publisher } from './publisher.js';

/** A relay to connect to, and how to judge it. */
export type RelayAddress = Omit<ConnectOptions, 'protocols' | 'signal'>;

export interface RelayConnectorOptions {
  readonly runtime: Runtime;
  readonly transport: Transport;
  /** In order of preference; the first is tried first after every loss. */
  readonly relays: readonly RelayAddress[];
  readonly setup: SetupOptions;
  readonly publisher: Publisher;
  readonly counters: ClientCounters;
  /** The URL of a relay that is not to be used, because another connector is there already; absent: none. */
  taken?(): string | null;
  /** A session is up; one that was up before goes on beside it until it is left. */
  onUp(link: Link): void;
  /** A session that was up is gone, or left: `closed` by someone else, or by us now. */
  onDown(link: Link, closed: boolean): void;
  /** Whether `next` has everything that `before` brings, so that `before` can be left. */
  hasCaughtUp(next: Link, before: Link): boolean;
  onEvent(event: ClientEvent): void;
}

/**
 * Keeps one session up: tries the relays in order, goes on to the next when one is lost. When asked to move, it leaves the
 * old session only once the new one has caught up.
 */
export class RelayConnector {
  readonly #options: RelayConnectorOptions;
  readonly #backoff = new Backoff();
  #current: { readonly link: Link; readonly url: string; readonly sinceBootMs: number } | null = null;
  /** The attempt under way. */
  #attempt: { readonly url: string; readonly cancellation: AbortController; link: Link | null } | null = null;
  /** Sessions that are being left, with the next look at whether they may be. */
  readonly #leaving = new Map<Link, Disposable>();
  #timer: Disposable | null = null;
  #closed = false;

  constructor(options: RelayConnectorOptions) {
    this.#options = options;
  }

  /** The session that is up. */
  get link(): Link | null {
    return this.#current?.link ?? null;
  }

  /** The relay that is used or tried now, or null. */
  get url(): string | null {
    return this.#current?.url ?? this.#attempt?.url ?? null;
  }

  start(): void {
    this.#round(0);
  }

  /** Ends the session and all attempts. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.[Symbol.dispose]();
    this.#attempt?.cancellation.abort();
    this.#attempt?.link?.close(SessionTerminationCode.NO_ERROR, '');
    for (const link of [...this.#leaving.keys()]) this.#leave(link, '');
    const current = this.#current;
    if (current === null) return;
    // Our own end of the session is no loss: nothing is told about it.
    this.#current = null;
    current.link.close(SessionTerminationCode.NO_ERROR, '');
    this.#options.onDown(current.link, true);
  }

  // Tries the relay of that index, and those behind it; then pauses and begins again.
  #round(index: number): void {
    if (this.#closed || this.#attempt !== null) return;
    const relay = this.#options.relays[index];
    if (relay === undefined) this.#roundIn(this.#backoff.nextMs(this.#options.runtime.random()));
    else if (relay.url === this.#options.taken?.()) this.#round(index + 1);
    else this.#try(relay, () => this.#round(index + 1));
  }

  #roundIn(delayMs: number): void {
    const { runtime } = this.#options;
    this.#timer?.[Symbol.dispose]();
    this.#timer = runtime.at(runtime.bootMs() + delayMs, () => this.#round(0));
  }

  #try(relay: RelayAddress, failed: () => void): void {
    const { runtime, transport, counters, onEvent } = this.#options;
    const attempt = { url: relay.url, cancellation: new AbortController(), link: null as Link | null };
    this.#attempt = attempt;
    const over = (reason: string) => {
      if (this.#attempt !== attempt) return;
      this.#attempt = null;
      timer[Symbol.dispose]();
      counters.connectFailures += 1;
      onEvent({ kind: 'connect-failed', url: relay.url, reason });
      failed();
    };
    const timer = runtime.at(runtime.bootMs() + CONNECT_TIMEOUT_MS, () => {
      attempt.cancellation.abort();
      attempt.link?.close(SessionTerminationCode.NO_ERROR, 'timed out');
      over(`no session after ${CONNECT_TIMEOUT_MS} ms`);
    });
    transport.connect({ ...relay, protocols: PROTOCOLS, signal: attempt.cancellation.signal }).then(
      (connection) => {
        if (this.#attempt !== attempt) return connection.close(SessionTerminationCode.NO_ERROR, '');
        attempt.link = this.#link(connection, relay, {
          established: (link) => {
            if (this.#attempt !== attempt) return;
            this.#attempt = null;
            timer[Symbol.dispose]();
            this.#up(link, relay);
          },
          lost: ({ reason }) => over(reason),
        });
      },
      (error: unknown) => over(reasonOf(error)),
    );
  }

  #link(connection: Connection, relay: RelayAddress, outcome: Outcome): Link {
    const { runtime, publisher, setup } = this.#options;
    return new Link({
      runtime,
      connection,
      publisher,
      role: 'client',
      setup: { ...setupOptionsOf(relay.url), ...setup },
      onEstablished: (link) => outcome.established(link),
      onGoaway: (link, newSessionUri) => this.#move(link, relay, newSessionUri),
      onClosed: (link, info) => {
        outcome.lost(info);
        this.#down(link, info);
      },
    });
  }

  #up(link: Link, relay: RelayAddress): void {
    const before = this.#current;
    const { runtime, counters, onEvent, onUp } = this.#options;
    this.#current = { link, url: relay.url, sinceBootMs: runtime.bootMs() };
    counters.connects += 1;
    onEvent({ kind: 'connected', url: relay.url });
    onUp(link);
    if (before !== null) this.#handOver(before.link, runtime.bootMs() + HANDOVER_MS_MAX);
  }

  // The old session serves until the new one has caught up, for a while at most.
  #handOver(before: Link, untilBootMs: number): void {
    const { runtime, hasCaughtUp } = this.#options;
    const again = runtime.at(runtime.bootMs() + HANDOVER_CHECK_MS, () => {
      const next = this.#current?.link;
      const done = next !== undefined && hasCaughtUp(next, before);
      if (done || runtime.bootMs() >= untilBootMs) this.#leave(before, 'moved');
      else this.#handOver(before, untilBootMs);
    });
    this.#leaving.set(before, again);
  }

  #leave(link: Link, reason: string): void {
    this.#leaving.get(link)?.[Symbol.dispose]();
    this.#leaving.delete(link);
    this.#options.onDown(link, false);
    link.close(SessionTerminationCode.NO_ERROR, reason);
  }

  #down(link: Link, { code, reason }: CloseInfo): void {
    const { runtime, counters, onEvent, onDown } = this.#options;
    const leaving = this.#leaving.get(link);
    if (leaving !== undefined) {
      // It ended before we left it, which it was about to do.
      leaving[Symbol.dispose]();
      this.#leaving.delete(link);
      onDown(link, true);
      return;
    }
    const current = this.#current;
    if (current?.link !== link) return;
    this.#current = null;
    counters.disconnects += 1;
    onEvent({ kind: 'disconnected', url: current.url, code, reason });
    onDown(link, true);
    if (this.#closed) return;
    if (runtime.bootMs() - current.sinceBootMs >= CONNECTION_STABLE_MS) this.#backoff.reset();
    // Everyone who was on that relay comes at once: even the first attempt waits a little.
    this.#roundIn(this.#backoff.nextMs(runtime.random()));
  }

  // The session goes on until another one is up.
  #move(link: Link, relay: RelayAddress, newSessionUri: string): void {
    if (this.#closed || this.#current?.link !== link) return;
    this.#options.onEvent({ kind: 'goaway', url: relay.url, newSessionUri });
    if (this.#attempt !== null) return;
    const url = newSessionUri === '' ? relay.url : newSessionUri;
    const others = Math.max(
      this.#options.relays.findIndex((other) => other.url !== relay.url),
      0,
    );
    if (url === this.#options.taken?.()) this.#round(others);
    else this.#try({ ...relay, url }, () => this.#round(others));
  }
}

interface Outcome {
  established(link: Link): void;
  lost(info: CloseInfo): void;
}
