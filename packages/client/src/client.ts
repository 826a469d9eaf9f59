import type { AuthorizationToken, FullTrackName } from '@higgins/protocol';
import type { Runtime } from '@higgins/runtime';
import { applied, type MapSignal, type Signal, type SignalRow, type Stage, type StateSignal } from '@higgins/signals';
import type { Connection, Transport } from '@higgins/transport';
import { Acknowledgements } from './acknowledgements.js';
import { Announcer } from './announcer.js';
import { type ClientCounters, type ClientEvent, newCounters, reasonOf } from './client-events.js';
import type { Published } from './commit-log.js';
import type { LiveMap } from './core/live-map.js';
import { MapContent, ValueContent } from './core/track-content.js';
import type { EpochLease } from './epoch-lease.js';
import { SubscriptionError } from './errors.js';
import { type ClientLevels, Feeds, type RestoreContent } from './feeds.js';
import { Heartbeat } from './heartbeat.js';
import { Link } from './link.js';
import { type MapChanges, Publisher, type PublishOptions, type RemoveOptions } from './publisher.js';
import { type RelayAddress, RelayConnector } from './relay-connector.js';
import { StateStore } from './state-store.js';
import type { Subscription } from './subscription.js';

export interface ClientOptions {
  readonly runtime: Runtime;
  readonly transport: Transport;
  /** In order of preference; empty: only connections that `serve` takes. */
  readonly relays: readonly RelayAddress[];
  /** Identifies this writer; 1 to 256 bytes of UTF-8. */
  readonly writerId: string;
  /** Folder of the client's files on the runtime's disk. Default `client`. */
  readonly folder?: string;
  /** Whether last-good values are kept on disk. Default true. */
  readonly persistent?: boolean;
  /** Where epochs come from. Default: the client's own disk. */
  readonly lease?: EpochLease;
  /**
   * Holds sessions with two of the relays at once, so that the loss of one delays nothing: what comes twice is told once.
   * Default false. Takes two relays or more.
   */
  readonly standby?: boolean;
  /**
   * Says on `platform/publisher/{writerId}` that this client lives while it publishes values whose own renewals are rare,
   * and watches the heartbeats of those whose long-lived values it follows. Default true.
   */
  readonly heartbeats?: boolean;
  /** Sent in SETUP. */
  readonly authorizationTokens?: readonly AuthorizationToken[];
  /** Whether the writer's scope covers a track; absent: all. */
  mayPublish?(name: FullTrackName): boolean;
  /** For logs. */
  onEvent?(event: ClientEvent): void;
}

export interface SubscribeOptions {
  /** Default `current`. */
  readonly stage?: Stage;
  /** Ends the subscription. */
  readonly signal?: AbortSignal;
}

/** MOQT_IMPLEMENTATION of SETUP: name and version, nothing more (draft-18 §10.3.1.5). */
const IMPLEMENTATION = 'higgins-client/0.1.0';

/**
 * A participant of the bus: publishes and subscribes over one session with the best relay that answers, or two.
 *
 * Values that were received stay valid for their TTL with or without a connection, and over restarts.
 */
export class Client implements AsyncDisposable {
  readonly counters: ClientCounters;
  readonly publisher: Publisher;
  readonly store: StateStore;
  readonly #options: ClientOptions;
  readonly #feeds: Feeds;
  readonly #onEvent: (event: ClientEvent) => void;
  /** One, or two with a standby; each keeps one session up. */
  readonly #connectors: readonly RelayConnector[];
  readonly #served = new Set<Link>();
  readonly #acknowledgements = new Map<string, Acknowledgements>();
  readonly #announcers = new Map<Link, Announcer>();
  readonly #heartbeat: Heartbeat | null;
  #closed = false;

  private constructor(
    options: ClientOptions,
    publisher: Publisher,
    store: StateStore,
    feeds: Feeds,
    counters: ClientCounters,
  ) {
    this.#options = options;
    this.publisher = publisher;
    this.store = store;
    this.counters = counters;
    this.#onEvent = (event) => options.onEvent?.(event);
    this.#feeds = feeds;
    const standby = options.standby === true && options.relays.length > 1;
    this.#connectors = Array.from({ length: standby ? 2 : 1 }, (_, index) => this.#connector(index));
    this.#heartbeat =
      options.heartbeats === false
        ? null
        : new Heartbeat({ runtime: options.runtime, publisher, onEvent: this.#onEvent });
    publisher.listen({
      committed: () => {
        counters.objectsPublished += 1;
      },
      retired: () => undefined,
    });
  }

  /** Reads what an earlier life left on disk, and starts to connect; does not wait for a relay. */
  static async open(options: ClientOptions): Promise<Client> {
    const { runtime, folder = 'client' } = options;
    const counters = newCounters();
    let feeds: Feeds | null = null;
    const onEvent = (event: ClientEvent) => options.onEvent?.(event);
    const onStorageError = (file: string, error: unknown) => {
      counters.storageFailures += 1;
      options.onEvent?.({ kind: 'storage-failed', file, reason: reasonOf(error) });
    };
    const store = await StateStore.open({
      runtime,
      folder: (options.persistent ?? true) ? `${folder}/state` : null,
      onFreshness(name, freshness) {
        if (freshness === 'expired') counters.expiries += 1;
        else counters.stales += 1;
        feeds?.freshnessChanged(name);
      },
      onStorageError,
    });
    const heartbeatStore = await StateStore.open({
      runtime,
      folder: null,
      onFreshness: (name) => feeds?.freshnessChanged(name),
      onStorageError,
    });
    const publisher = await Publisher.open({
      runtime,
      writerId: options.writerId,
      folder: `${folder}/publisher`,
      ...(options.lease === undefined ? {} : { lease: options.lease }),
      mayPublish: (name) => options.mayPublish?.(name) ?? true,
      onStorageError,
      onRenewalError: (name, error) => options.onEvent?.({ kind: 'renewal-failed', name, reason: reasonOf(error) }),
    });
    const heartbeats = options.heartbeats ?? true;
    feeds = new Feeds({ runtime, store, heartbeatStore, heartbeats, counters, onEvent });
    const client = new Client(options, publisher, store, feeds, counters);
    if (options.relays.length > 0) for (const connector of client.#connectors) connector.start();
    return client;
  }

  /** Whether a session with a relay is up. */
  get connected(): boolean {
    return this.sessions > 0;
  }

  /** Relays that a session is up with: at most 1, or 2 with a standby. */
  get sessions(): number {
    return this.#connectors.filter(({ link }) => link !== null).length;
  }

  /** What waits inside of this client at this moment, for metrics. */
  get levels(): ClientLevels {
    return this.#feeds.levels;
  }

  /** Commits a value of a state track, or an event; see `Publisher.publish`. */
  publish<P, V>(signal: Signal<P, V>, params: P, value: V, options?: PublishOptions): Promise<Published> {
    return this.publisher.publish(signal, params, value, options);
  }

  /** Deletes a value; see `Publisher.remove`. */
  remove<P, V>(signal: StateSignal<P, V>, params: P, options?: RemoveOptions): Promise<Published> {
    return this.publisher.remove(signal, params, options);
  }

  /** Changes keys of a map track; see `Publisher.update`. */
  update<P, V>(
    signal: MapSignal<P, V>,
    params: P,
    changes: MapChanges<V>,
    options?: PublishOptions,
  ): Promise<Published> {
    return this.publisher.update(signal, params, changes, options);
  }

  /** Follows a state or event track. Throws NameError for params that make no name. */
  subscribe<P, V>(signal: Signal<P, V>, params: P, options: SubscribeOptions = {}): Subscription<V> {
    if (signal.shape === 'map') throw new TypeError(`${signal.id} is a map: follow it with subscribeMap`);
    return this.#subscribe<V>(signal, signal.name(params, options.stage), options, (held) => {
      const content = new ValueContent<V>(signal);
      if (held?.content.kind === 'payload') content.apply(held.content.payload, held.format);
      return content;
    });
  }

  /** Follows a map track; its value is a live view that decodes entries when they are read. */
  subscribeMap<P, V>(signal: MapSignal<P, V>, params: P, options: SubscribeOptions = {}): Subscription<LiveMap<V>> {
    const name = signal.name(params, options.stage);
    return this.#subscribe<LiveMap<V>>(signal, name, options, (held) => {
      const entries = held?.content.kind === 'map' ? held.content.entries : null;
      return new MapContent<V>(signal, entries, held?.format);
    });
  }

  /** The acknowledgements of a PoP, which this client alone writes. */
  acknowledgements(pop: string, ttlMs: number = applied.ttlMs): Acknowledgements {
    let acknowledgements = this.#acknowledgements.get(pop);
    if (acknowledgements === undefined) {
      acknowledgements = new Acknowledgements(this.publisher, pop, ttlMs);
      this.#acknowledgements.set(pop, acknowledgements);
    }
    return acknowledgements;
  }

  /** Serves the client's own tracks to a peer that connected to a listener of ours. */
  serve(connection: Connection): void {
    const { runtime } = this.#options;
    const link: Link = new Link({
      runtime,
      connection,
      role: 'server',
      setup: { implementation: IMPLEMENTATION },
      publisher: this.publisher,
      onEstablished: () => undefined,
      onGoaway: () => undefined,
      onClosed: () => this.#served.delete(link),
    });
    this.#served.add(link);
  }

  /** Ends subscriptions, sessions and renewals, and writes what is to be written. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#feeds.close();
    this.#heartbeat?.[Symbol.dispose]();
    await this.publisher[Symbol.asyncDispose]();
    for (const connector of this.#connectors) connector.close();
    for (const link of [...this.#served]) link.close(0, '');
    await this.store.close();
  }

  #subscribe<V>(
    signal: SignalRow,
    name: FullTrackName,
    { signal: abort }: SubscribeOptions,
    restore: RestoreContent<V>,
  ): Subscription<V> {
    if (this.#closed) throw new SubscriptionError('closed', 'the client is closed');
    abort?.throwIfAborted();
    const subscription = this.#feeds.subscribe(signal, name, restore);
    abort?.addEventListener('abort', () => subscription.close(), { once: true });
    return subscription;
  }

  #connector(index: number): RelayConnector {
    const { runtime, transport, relays, authorizationTokens } = this.#options;
    return new RelayConnector({
      runtime,
      transport,
      relays,
      publisher: this.publisher,
      counters: this.counters,
      setup: { implementation: IMPLEMENTATION, ...(authorizationTokens && { authorizationTokens }) },
      taken: () => this.#connectors[1 - index]?.url ?? null,
      onUp: (link) => {
        this.#feeds.attach(link);
        this.#announce();
      },
      onDown: (link, closed) => this.#down(link, closed),
      hasCaughtUp: (next, before) =>
        this.#feeds.caughtUp(next) && next.server.subscriptions >= before.server.subscriptions,
      onEvent: this.#onEvent,
    });
  }

  #down(link: Link, closed: boolean): void {
    this.#announcers.get(link)?.close();
    this.#announcers.delete(link);
    this.#feeds.detach(link, closed);
    this.#announce();
  }

  // One session is enough for what we publish: relays pass it on to each other.
  #announce(): void {
    const links = this.#connectors.flatMap(({ link }) => link ?? []);
    const [link] = links;
    if (link === undefined || this.#closed || links.some((other) => this.#announcers.has(other))) return;
    this.#announcers.set(link, new Announcer(link, this.#options.runtime, this.publisher, this.#onEvent));
  }
}
