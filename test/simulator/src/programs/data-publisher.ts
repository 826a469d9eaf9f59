import { Client } from '@higgins/client';
import { applied, formatPath, organisationList } from '@higgins/signals';
import type { Identity } from '@higgins/transport';
import type { ProcessContext, Program } from '../frame/node.js';
import { appliedOf, type DataAuthor, dataTracks, EVENT_PARAMS, events, MAP_PARAMS, MAP_TRACK } from './data-content.js';
import { type AuthoredList, versionOf } from './list-author.js';
import { CONNECTION_LIMITS } from './relay.js';
import { clientWords } from './words.js';
import type { WriterLease } from './writer-lease.js';

export interface DataPublisherOptions {
  readonly identity: Identity;
  readonly authoritiesPem: string;
  readonly relays: readonly string[];
  readonly author: DataAuthor;
  /** Shared by all publishers of these tracks. */
  readonly lease: WriterLease;
  readonly ttlMs: number;
  /** Events are not renewed: theirs decides how long they can be caught up with. */
  readonly eventTtlMs: number;
  /** Mean pause between two edits of the map; lists change four times as rarely, events come three times as often. */
  readonly editIntervalMs: number;
  /** No edits from this world time on. */
  readonly untilMs: number;
}

/** Share of edits that the next one follows in the same breath. */
const BURST_RATE = 0.2;

/** Publishes two lists, a map and events, as whoever holds the lease; one that lost it goes on until it hears of it. */
export function dataPublisherProgram(options: DataPublisherOptions): Program {
  return async (context) => {
    const { runtime, transport, note, node } = context;
    const { identity, authoritiesPem, relays } = options;
    const lease = options.lease.open();
    const client = await Client.open({
      runtime,
      transport,
      lease,
      writerId: node.name,
      relays: relays.map((url) => ({ url, authoritiesPem, identity, limits: CONNECTION_LIMITS })),
      onEvent: (event) => note(clientWords(event)),
    });
    observeCommits(client, context, options);
    new Writer(client, context, options, () => options.lease.isHeldBy(lease)).start();
  };
}

function observeCommits(client: Client, { node, observe }: ProcessContext, { author }: DataPublisherOptions): void {
  const tell: Parameters<typeof client.publisher.listen>[0]['committed'] = (track, { object, payload }) => {
    const path = formatPath(track.name);
    const group = track.writer.newest?.group;
    if (group === undefined || !dataTracks(author).includes(path)) return;
    const version = track.shape === 'state' ? versionOf(payload) : null;
    if (version !== null) author.lists.committed(path, version);
    observe({ kind: 'committed', node: node.name, track: path, group, object, payload, ttlMs: track.ttlMs, version });
  };
  // What the journal of an earlier process brings back is visible again from the start.
  for (const track of client.publisher.tracks()) {
    for (const object of track.writer.newest?.objects ?? []) tell(track, object, true);
  }
  client.publisher.listen({ committed: tell, retired() {} });
}

/** Writes everything once, and then goes on at random until its time is over. */
class Writer {
  readonly #client: Client;
  readonly #context: ProcessContext;
  readonly #options: DataPublisherOptions;
  readonly #holdsLease: () => boolean;

  constructor(client: Client, context: ProcessContext, options: DataPublisherOptions, holdsLease: () => boolean) {
    this.#client = client;
    this.#context = context;
    this.#options = options;
    this.#holdsLease = holdsLease;
  }

  start(): void {
    const { author, editIntervalMs } = this.#options;
    const { lists } = author.lists;
    for (const list of lists) this.#writeList(list);
    this.#writeMap();
    this.#writeEvent();
    const { runtime } = this.#context;
    this.#repeat(editIntervalMs * 4, () => this.#writeList(lists[Math.floor(runtime.random() * lists.length)]!));
    this.#repeat(editIntervalMs, () => this.#writeMap());
    this.#repeat(editIntervalMs / 3, () => this.#writeEvent());
  }

  #writeList(list: AuthoredList): void {
    // Versions are the store's to give: it gives none to a writer that lost the lease.
    if (!this.#holdsLease()) return;
    const { author, ttlMs } = this.#options;
    const value = author.lists.write(list, this.#context.runtime.wallMs());
    this.#settle(this.#client.publish(organisationList, list.params, value, { ttlMs }));
  }

  #writeMap(): void {
    const { author, ttlMs } = this.#options;
    const serial = author.nextEdit();
    const { set, removed } = author.edit(serial);
    const value = appliedOf(serial);
    const changes = { set: new Map(set.map((key) => [key, value])), removed };
    const { node, observe } = this.#context;
    const committed = this.#client.update(applied, MAP_PARAMS, changes, { ttlMs });
    this.#settle(
      committed.then(({ group, object }) => {
        observe({ kind: 'confirmed', node: node.name, track: MAP_TRACK, group, object, serial });
      }),
    );
  }

  #writeEvent(): void {
    const { author, eventTtlMs: ttlMs } = this.#options;
    this.#settle(this.#client.publish(events, EVENT_PARAMS, author.nextEvent(), { ttlMs }));
  }

  #repeat(meanMs: number, run: () => void): void {
    const { runtime } = this.#context;
    const pauseMs = runtime.random() < BURST_RATE ? 0 : meanMs * 2 * runtime.random();
    runtime.at(runtime.bootMs() + pauseMs, () => {
      if (runtime.world.nowMs >= this.#options.untilMs) return;
      run();
      this.#repeat(meanMs, run);
    });
  }

  #settle(commit: Promise<unknown>): void {
    commit.catch((error: unknown) => this.#context.note(`publish failed: ${String(error)}`));
  }
}
