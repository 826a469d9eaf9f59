import { Client, type ClientOptions, type StoredValue, type Subscription, type Update } from '@higgins/client';
import { type RelayLimits, RelayNode, requireCertificate } from '@higgins/relay/core';
import {
  type ExpiryMode,
  formatPath,
  type NamedList,
  organisationList,
  parseListEntries,
  signalOf,
} from '@higgins/signals';
import { type Identity, type LinkOptions, memoryAuthorities, memoryIdentity } from '@higgins/transport';
import type { ProcessContext, SimulatedNode } from '../../frame/node.js';
import { Simulation } from '../../frame/simulation.js';
import { bytesAreIdentical } from '../../invariants/bytes-are-identical.js';
import { groupIdsRise } from '../../invariants/group-ids-rise.js';
import { oneUpstreamSubscription } from '../../invariants/one-upstream-subscription.js';
import { versionNeverGoesBack } from '../../invariants/version-never-goes-back.js';
import { CONNECTION_LIMITS, relayProgram, relayUrl } from '../../programs/relay.js';
import { clientWords } from '../../programs/words.js';

/** Virtual time that anything may take that a scenario waits for, unless it says otherwise. */
const LIMIT_MS = 60_000;
const AUTHORITY = 'simulated authority';

/** The list that scenarios publish where one is enough. */
export const BLOCKED = { org: 'acme', list: 'blocked' };
export type ListParams = typeof BLOCKED;

export const credentials: { of(name: string): Identity; readonly authoritiesPem: string } = {
  of: (name) => memoryIdentity({ issuer: AUTHORITY, subject: name }),
  authoritiesPem: memoryAuthorities(AUTHORITY),
};

/** A list of few entries, which follow from the version. */
export function listOf(version: number, expiry: ExpiryMode = 'closed'): NamedList {
  const entries = parseListEntries([`198.51.${version % 256}.0/24`, `203.0.113.${version % 256}`]);
  return { owner: BLOCKED.org, version, createdWallMs: null, expiry, entries };
}

/**
 * A world in which a scenario places relays and participants as it needs them. What participants publish and are told of
 * lists is observed, so that the safety invariants judge it.
 */
export class Stage {
  readonly simulation: Simulation;

  /** `judged`: whether invariants look at each object; false saves keeping all of them. */
  constructor(seed: number, link: Partial<LinkOptions> = { latencyMs: 10 }, judged = true) {
    this.simulation = new Simulation(seed, { link });
    this.simulation.hold(oneUpstreamSubscription(this.simulation));
    if (judged) this.simulation.hold(versionNeverGoesBack(), groupIdsRise(), bytesAreIdentical());
  }

  get nowMs(): number {
    return this.simulation.world.nowMs;
  }

  /** Starts a relay below others, which are in order of preference. */
  relay(name: string, upstreams: readonly string[] = [], limits: Partial<RelayLimits> = {}): SimulatedNode {
    const node = this.simulation.node(
      { name },
      relayProgram({
        identity: credentials.of(name),
        authoritiesPem: credentials.authoritiesPem,
        upstreams: upstreams.map(relayUrl),
        authorizer: requireCertificate,
        limits,
      }),
    );
    node.start();
    return node;
  }

  /** The relay that runs on that node. */
  relayOf(name: string): RelayNode {
    const relay = this.simulation.nodes.get(name)?.parts.find((part) => part instanceof RelayNode);
    if (relay === undefined) throw new Error(`no relay runs on ${name}`);
    return relay;
  }

  /** Starts a client of these relays. */
  async participant(
    name: string,
    relays: readonly string[],
    options: Partial<ClientOptions> = {},
  ): Promise<Participant> {
    const participant = new Participant(this, name, relays, options);
    participant.node.start();
    await this.until(`${name} is up`, () => participant.up);
    return participant;
  }

  /** Lets time pass. */
  async run(durationMs: number): Promise<void> {
    await this.simulation.run(this.nowMs + durationMs);
  }

  /** Runs until the condition holds; throws if it does not within the limit. Returns how long it took. */
  async until(what: string, condition: () => boolean, limitMs = LIMIT_MS): Promise<number> {
    const fromMs = this.nowMs;
    if (!(await this.simulation.runUntilTrue(condition, limitMs)))
      throw new Error(`in vain for ${limitMs} ms: ${what}`);
    return this.nowMs - fromMs;
  }

  /** Runs until the promise settles, and returns its outcome. */
  async settle<Value>(promise: Promise<Value>, limitMs = LIMIT_MS): Promise<Value> {
    let settled = false;
    const mark = () => {
      settled = true;
    };
    promise.then(mark, mark);
    await this.until('a promise settles', () => settled, limitMs);
    return promise;
  }
}

/** What one follower of a list was told. */
export interface Followed {
  readonly subscription: Subscription<NamedList>;
  readonly told: readonly { readonly atMs: number; readonly update: Update<NamedList> }[];
  /** The value now. */
  now(): StoredValue<NamedList> | null;
  /** The versions that were told as changes, in order. */
  versions(): number[];
}

/** A program of the SDK: publishes and follows. Its node may crash and restart; `client` is that of the newest process. */
export class Participant {
  readonly node: SimulatedNode;
  readonly #stage: Stage;
  readonly #relays: readonly string[];
  readonly #options: Partial<ClientOptions>;
  #client: Client | null = null;
  #context: ProcessContext | null = null;

  /** Made by `Stage.participant`. */
  constructor(stage: Stage, name: string, relays: readonly string[], options: Partial<ClientOptions>) {
    this.#stage = stage;
    this.#relays = relays;
    this.#options = options;
    this.node = stage.simulation.node({ name }, (context) => this.#run(context));
  }

  /** Whether a process of this node has opened its client. */
  get up(): boolean {
    return this.#client !== null && this.node.running && this.#context?.runtime === this.node.process;
  }

  get client(): Client {
    if (this.#client === null) throw new Error(`${this.node.name} has not started yet`);
    return this.#client;
  }

  /** Commits a version of a list; returns when it is safe. */
  async publishList(version: number, ttlMs: number, params: ListParams = BLOCKED): Promise<void> {
    await this.#stage.settle(this.client.publish(organisationList, params, listOf(version), { ttlMs }));
  }

  /** Follows a list in the newest process, from now on. */
  follow(params: ListParams = BLOCKED): Followed {
    const { client } = this;
    const subscription = client.subscribe(organisationList, params);
    const told: { atMs: number; update: Update<NamedList> }[] = [];
    const collect = async () => {
      for await (const update of subscription) {
        told.push({ atMs: this.#stage.nowMs, update });
        this.#observe(client, update);
      }
    };
    collect().catch((error: unknown) => this.#stage.simulation.fail(error));
    return {
      subscription,
      told,
      now: () => subscription.current,
      versions: () =>
        told.filter(({ update }) => update.valueChanged).map(({ update }) => update.current?.version ?? Number.NaN),
    };
  }

  async #run(context: ProcessContext): Promise<void> {
    const { runtime, transport, node, note } = context;
    const identity = credentials.of(node.name);
    const { authoritiesPem } = credentials;
    const client = await Client.open({
      runtime,
      transport,
      writerId: node.name,
      relays: this.#relays.map((name) => ({
        url: relayUrl(name),
        authoritiesPem,
        identity,
        limits: CONNECTION_LIMITS,
      })),
      onEvent: (event) => note(clientWords(event)),
      ...this.#options,
    });
    context.show(client);
    this.#client = client;
    this.#context = context;
    this.#observeCommits(client, context);
  }

  #observeCommits({ publisher }: Client, { node, observe }: ProcessContext): void {
    const tell: Parameters<typeof publisher.listen>[0]['committed'] = (track, { object, payload }) => {
      const group = track.writer.newest?.group;
      if (group === undefined) return;
      const { name, ttlMs } = track;
      const isList = signalOf(name)?.id === organisationList.id;
      const state = isList ? organisationList.decodeState(payload, track.format) : null;
      const version = state?.deleted === false ? state.value.version : null;
      observe({ kind: 'committed', node: node.name, track: formatPath(name), group, object, payload, ttlMs, version });
    };
    // What the journal of an earlier process brings back is visible again from the start.
    for (const track of publisher.tracks()) {
      for (const object of track.writer.newest?.objects ?? []) tell(track, object, true);
    }
    publisher.listen({ committed: tell, retired() {} });
  }

  #observe(client: Client, { current, valueChanged }: Update<NamedList>): void {
    const held = current === null ? undefined : client.store.get(current.name);
    if (current === null || held?.content.kind !== 'payload' || held.place.group !== current.group) return;
    const { name, group, version, freshness, onExpiry: mode } = current;
    const where = { node: this.node.name, track: formatPath(name) };
    if (freshness === 'expired') this.#context?.observe({ kind: 'expired', ...where, group, version, mode });
    else if (valueChanged) this.#context?.observe({ kind: 'received', ...where, group, payload: held.content.payload });
  }
}
