import {
  Client,
  type ClientEvent,
  type Condition,
  type RelayAddress,
  type StoredValue,
  type Subscription,
} from '@higgins/client';
import type { Runtime } from '@higgins/runtime';
import {
  type Applied,
  formatPath,
  type NamedList,
  NameError,
  organisationList,
  parsePath,
  platformList,
  type StateSignal,
} from '@higgins/signals';
import type { Transport } from '@higgins/transport';
import { type ListObserver, type ListSource, type ListValue, unsupportedEntries } from '../core/list.js';
import { reasonOf } from '../reason.js';

/** What the bus source works with. */
export interface BusSourceOptions {
  readonly runtime: Runtime;
  /** Closed together with the source. */
  readonly transport: Transport;
  readonly relays: readonly RelayAddress[];
  /** Names the PoP whose acknowledgements this agent writes. */
  readonly pop: string;
  /** Paths of named lists. */
  readonly tracks: readonly string[];
  /** For logs. */
  readonly onEvent: (event: ClientEvent) => void;
}

/**
 * Lists from the bus. Last-good values come from disk at once, for what is left of their time, with or without a relay;
 * acknowledgements go back the same way.
 */
export class BusListSource implements ListSource {
  /** Other subscriptions and publications of the same process share its session. */
  readonly client: Client;
  readonly #options: BusSourceOptions;
  readonly #observer: { current: ListObserver | null };
  readonly #subscriptions = new Map<string, Subscription<NamedList>>();
  readonly #following: Promise<void>[] = [];

  private constructor(options: BusSourceOptions, client: Client, observer: { current: ListObserver | null }) {
    this.#options = options;
    this.client = client;
    this.#observer = observer;
  }

  /** Reads what an earlier life left on disk and begins to connect; does not wait for a relay. */
  static async open(options: BusSourceOptions): Promise<BusListSource> {
    const observer: { current: ListObserver | null } = { current: null };
    const { runtime, transport, relays, pop } = options;
    const client = await Client.open({
      runtime,
      transport,
      relays,
      writerId: `agent-${pop}`,
      onEvent(event) {
        options.onEvent(event);
        if (event.kind === 'connected') observer.current?.connected(true, null);
        else if (event.kind === 'disconnected' || event.kind === 'connect-failed') {
          observer.current?.connected(client?.connected ?? false, `${event.url}: ${event.reason}`);
        }
      },
    });
    return new BusListSource(options, client, observer);
  }

  start(observer: ListObserver): void {
    this.#observer.current = observer;
    for (const track of this.#options.tracks) this.#follow(track, observer);
  }

  /** Why the value of a track is not as fresh as it could be; null before the first one, or if the track is not followed. */
  condition(track: string): Condition | null {
    return this.#subscriptions.get(track)?.current?.condition ?? null;
  }

  /** Publishes what became of a track; it is on its way once the promise resolves, and kept for a relay that is away. */
  async acknowledge(track: string, applied: Applied): Promise<void> {
    await this.client.acknowledgements(this.#options.pop).set(parsePath(track), applied);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#observer.current = null;
    for (const subscription of this.#subscriptions.values()) subscription.close();
    await Promise.all(this.#following);
    await this.client[Symbol.asyncDispose]();
    await this.#options.transport.close();
  }

  #follow(track: string, observer: ListObserver): void {
    const subscription = subscribe(this.client, track);
    this.#subscriptions.set(track, subscription);
    const { current } = subscription;
    if (current) deliver(track, current, observer);
    this.#following.push(this.#take(track, subscription, observer));
  }

  async #take(track: string, subscription: Subscription<NamedList>, observer: ListObserver): Promise<void> {
    let group = subscription.current?.group ?? null;
    try {
      for await (const { current, refused } of subscription) {
        // On disk before it is enforced: after a crash the agent must not go back to the value before. A deadline that
        // moved earlier does not wait.
        if (current && current.group !== group) await this.client.store.flush(current.name);
        group = current?.group ?? null;
        if (current) deliver(track, current, observer);
        if (refused) observer.refused(track, { group: Number(refused.group), version: null, reason: refused.reason });
      }
    } catch (error) {
      const reason = reasonOf(error);
      observer.connected(false, `the subscription to ${track} is over: ${reason}`);
    }
  }
}

/** Whether a path names a list that the bus can carry. */
export function isListTrack(path: string): boolean {
  try {
    const name = parsePath(path);
    return organisationList.params(name) !== null || platformList.params(name) !== null;
  } catch (error) {
    if (error instanceof NameError) return false;
    throw error;
  }
}

function subscribe(client: Client, track: string): Subscription<NamedList> {
  const name = parsePath(track);
  return follow(client, organisationList, name) ?? follow(client, platformList, name) ?? noSuchList(formatPath(name));
}

function follow<P>(client: Client, signal: StateSignal<P, NamedList>, name: ReturnType<typeof parsePath>) {
  const params = signal.params(name);
  return params === null ? null : client.subscribe(signal, params);
}

function noSuchList(path: string): never {
  throw new Error(`${path} is no list: expected org/{org}/lists/{list} or platform/lists/{list}`);
}

function deliver(track: string, stored: StoredValue<NamedList>, observer: ListObserver): void {
  const { group, version, value } = stored;
  if (stored.deleted || value === null) {
    observer.deleted(track, group);
    return;
  }
  const { ipv4, ipv6 } = value.entries;
  const reason = unsupportedEntries(value.entries);
  if (reason !== null) {
    observer.refused(track, { group, version, reason });
    return;
  }
  const list: ListValue = {
    group,
    version,
    ipv4,
    ipv6,
    onExpiry: stored.onExpiry,
    deadlineBootMs: stored.deadlineBootMs,
    ttlMs: stored.ttlMs,
    publishedWallMs: stored.publishMs,
  };
  observer.value(track, list);
}
