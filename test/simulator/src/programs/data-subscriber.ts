import { Client, type LiveMap, type StoredValue, type Update } from '@higgins/client';
import { type Applied, applied, type NamedList, organisationList } from '@higgins/signals';
import type { Identity } from '@higgins/transport';
import type { ProcessContext, Program } from '../frame/node.js';
import { EVENT_PARAMS, EVENT_TRACK, events, MAP_PARAMS, MAP_TRACK, textOf } from './data-content.js';
import type { AuthoredList } from './list-author.js';
import { CONNECTION_LIMITS } from './relay.js';
import { clientWords } from './words.js';

/** What the SDK says about a track at this moment. */
export type View = () => StoredValue<unknown> | null;

export interface DataSubscriberOptions {
  readonly identity: Identity;
  readonly authoritiesPem: string;
  /** URLs, in order of preference. */
  readonly relays: readonly string[];
  readonly lists: readonly AuthoredList[];
  /** Where the running process leaves its views, by track. */
  readonly views: Map<string, View>;
}

/** Follows lists, a map and events, and acts on the lists: the value while it is good, then what it says about that. */
export function dataSubscriberProgram(options: DataSubscriberOptions): Program {
  return async (context) => {
    const { runtime, transport, note, node } = context;
    const { identity, authoritiesPem, relays, views } = options;
    views.clear();
    const client = await Client.open({
      runtime,
      transport,
      writerId: node.name,
      relays: relays.map((url) => ({ url, authoritiesPem, identity, limits: CONNECTION_LIMITS })),
      onEvent: (event) => note(clientWords(event)),
    });
    const follower = new Follower(client, context, views);
    for (const list of options.lists) void follower.list(list);
    void follower.map();
    void follower.events();
  };
}

class Follower {
  readonly #client: Client;
  readonly #context: ProcessContext;
  readonly #views: Map<string, View>;

  constructor(client: Client, context: ProcessContext, views: Map<string, View>) {
    this.#client = client;
    this.#context = context;
    this.#views = views;
  }

  async list({ params, track }: AuthoredList): Promise<void> {
    const subscription = this.#client.subscribe(organisationList, params);
    this.#views.set(track, () => subscription.current);
    let received: string | null = null;
    let verdict: string | null = null;
    for await (const { current, refused } of subscription) {
      this.#refused(track, refused);
      if (current === null || current.value === null) continue;
      // An update that tells of time passing, not of an object, is nothing that was received.
      const copy = `${current.group} ${current.deadlineBootMs}`;
      if (copy !== received) this.#received(track, current, current.value);
      received = copy;
      // Who acts on a value before it is on disk may know less of it after a crash than it did.
      await this.#client.store.flush(current.name);
      const now = subscription.current;
      // A newer one that came meanwhile has an update of its own.
      if (now === null || now.group !== current.group) continue;
      const next = `${now.freshness === 'expired' ? now.onExpiry : 'value'} ${now.group}`;
      if (next !== verdict) this.#act(track, now);
      verdict = next;
    }
  }

  async map(): Promise<void> {
    const subscription = this.#client.subscribeMap(applied, MAP_PARAMS);
    this.#views.set(MAP_TRACK, () => subscription.current);
    let known = '';
    for await (const { refused } of subscription) {
      this.#refused(MAP_TRACK, refused);
      // The map is as it is now, which may be newer than the update.
      const { current } = subscription;
      if (current === null || current.value === null) continue;
      const place = `${current.group} ${current.object}`;
      if (place !== known) this.#held(current, current.value);
      known = place;
    }
  }

  async events(): Promise<void> {
    let lost = false;
    for await (const { current, gaps, valueChanged, refused } of this.#client.subscribe(events, EVENT_PARAMS)) {
      this.#refused(EVENT_TRACK, refused);
      lost ||= gaps > 0;
      if (!valueChanged || current === null || current.value === null) continue;
      const { group, object, value } = current;
      const place = { node: this.#context.node.name, track: EVENT_TRACK, group, object };
      this.#context.observe({ kind: 'delivered', ...place, payload: events.encode(value), lost });
      lost = false;
    }
  }

  #received(track: string, { name, group }: StoredValue<NamedList>, value: NamedList): void {
    const held = this.#client.store.get(name);
    // When two objects come in one breath, the store is ahead of the update: then the value stands for its bytes.
    const content = held?.place.group === group ? held.content : null;
    const payload = content?.kind === 'payload' ? content.payload : organisationList.encode(value);
    this.#context.observe({ kind: 'received', node: this.#context.node.name, track, group, payload });
  }

  #act(track: string, { group, version, freshness, onExpiry }: StoredValue<NamedList>): void {
    const place = { node: this.#context.node.name, track, group, version: version ?? 0 };
    if (freshness === 'expired') this.#context.observe({ kind: 'expired', ...place, mode: onExpiry });
    else this.#context.observe({ kind: 'enforced', ...place });
  }

  #held({ group, object }: StoredValue<LiveMap<Applied>>, map: LiveMap<Applied>): void {
    const entries = new Map([...map].map(([key, value]) => [key, textOf(value)]));
    this.#context.observe({ kind: 'held', node: this.#context.node.name, track: MAP_TRACK, group, object, entries });
  }

  #refused(track: string, refused: Update<unknown>['refused']): void {
    if (refused === null) return;
    const { group, object, reason } = refused;
    const place = { group: Number(group), object: Number(object) };
    this.#context.observe({ kind: 'refused', node: this.#context.node.name, track, ...place, reason });
  }
}
