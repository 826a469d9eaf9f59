import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ECHO_PROGRAM, type IsolatedHost, IsolatedNetwork, preciseWallMs } from '@higgins/cli';
import { Client } from '@higgins/client';
import { QuicTransport } from '@higgins/quic';
import { NodeRuntime } from '@higgins/runtime/node';
import { type Applied, applied, appliedKey, type NamedList, organisationList } from '@higgins/signals';
import { HIGGINS } from '../harness/paths.js';
import { Program } from '../harness/process.js';
import { TwoTiers } from '../harness/relays.js';

const POPS = ['fra1', 'ams1'];
const ORGANISATION = 'bench';
const START_MS_MAX = 30_000;
const CONNECT_MS_MAX = 10_000;

/** A list that the PoPs enforce on one UDP port: what is listed is refused. */
export interface GuardedList {
  readonly list: string;
  readonly port: number;
}

/** How long a commit took at one PoP, from the call on, in ms. */
export interface CommitLatency {
  /** To the kernel's commit, as the agent states it after it has read the set back. */
  readonly enforcedMs: number;
  /** To the acknowledgement at the origin relay. */
  readonly acknowledgedMs: number;
}

/** An acknowledgement as the observer saw it. */
interface Seen {
  readonly receivedWallMs: number;
  readonly pop: string;
  readonly key: string;
  readonly value: Applied;
}

/**
 * Two tiers of relays and two PoPs, each with an agent in a network namespace of its own, a publisher and an observer of
 * acknowledgements.
 */
export class Pops implements AsyncDisposable {
  readonly directory: string;
  readonly #network = new IsolatedNetwork();
  readonly #resources = new AsyncDisposableStack();
  readonly #agents: Program[] = [];
  readonly #seen = new Set<(seen: Seen) => void>();
  #tiers: TwoTiers | null = null;
  #client: Client | null = null;

  constructor(directory: string) {
    this.directory = directory;
    this.#resources.use(this.#network);
  }

  get pops(): readonly IsolatedHost[] {
    return this.#network.hosts;
  }

  /** Starts everything; agents enforce `lists` from when values come. */
  async start(lists: readonly GuardedList[]): Promise<void> {
    for (const name of POPS) await this.#network.addHost(name);
    const gateways = this.pops.map(({ gateway }) => gateway.ipv4);
    this.#tiers = this.#resources.use(await TwoTiers.start(this.directory, gateways));
    for (const pop of this.pops) await this.#startPop(pop, this.#tiers, lists);
    this.#client = await this.#openClient(this.#tiers);
    for (const pop of POPS) void this.#observe(this.#client, pop);
  }

  /** Makes an address ours, so that packets can be sent from it. */
  addOutsideAddress(address: string): void {
    this.#network.addOutsideAddress(address);
  }

  socketOf(pop: IsolatedHost): string {
    return join(this.directory, `${pop.name}.sock`);
  }

  /** Commits a list and waits until every PoP has acknowledged that it enforces this version; one entry per PoP. */
  async commit(list: string, value: NamedList, ttlMs: number, boundMs: number): Promise<CommitLatency[]> {
    const client = this.#client;
    if (client === null) throw new Error('the PoPs have not been started');
    const params = { org: ORGANISATION, list };
    const key = appliedKey(organisationList.name(params));
    const acknowledged = Promise.all(POPS.map((pop) => this.#acknowledged(pop, key, value.version, boundMs)));
    const started = preciseWallMs();
    await client.publish(organisationList, params, value, { ttlMs });
    return (await acknowledged).map(({ value: { appliedWallMs }, receivedWallMs }) => ({
      enforcedMs: appliedWallMs - started,
      acknowledgedMs: receivedWallMs - started,
    }));
  }

  /** Ends publisher, relays and agents, without a word to anybody; the kernels go on. */
  async killAll(): Promise<void> {
    const tiers = this.#tiers;
    const programs = [...this.#agents, ...(tiers === null ? [] : [tiers.origin, tiers.edge])];
    await Promise.all(programs.map((program) => program.stop('SIGKILL')));
    await this.#client?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }

  async #startPop(pop: IsolatedHost, tiers: TwoTiers, lists: readonly GuardedList[]): Promise<void> {
    const ports = lists.map(({ port }) => String(port));
    const service = new Program(`service ${pop.name}`, [...pop.enter, process.execPath, ECHO_PROGRAM, ...ports]);
    this.#resources.use(service);
    await service.record(({ msg }) => msg === 'listening', 'line that it listens', START_MS_MAX);
    const path = join(this.directory, `agent-${pop.name}.yaml`);
    writeFileSync(path, JSON.stringify(this.#agentConfig(pop, tiers, lists)));
    const agent = new Program(`agent ${pop.name}`, [...pop.enter, ...HIGGINS, 'agent', '--config', path]);
    this.#resources.use(agent);
    this.#agents.push(agent);
    await agent.record(({ msg }) => msg === 'agent started', 'line that it has started', START_MS_MAX);
  }

  #agentConfig(pop: IsolatedHost, tiers: TwoTiers, lists: readonly GuardedList[]): unknown {
    return {
      pop: pop.name,
      stateDirectory: join(this.directory, `state-${pop.name}`),
      relays: [{ url: `moqt://${pop.gateway.ipv4}:${tiers.edgePort}` }],
      tls: tiers.clientFiles,
      lists: lists.map(({ list, port }) => ({
        track: `org/${ORGANISATION}/lists/${list}`,
        action: 'block',
        ports: { udp: [port] },
      })),
      localSocket: this.socketOf(pop),
    };
  }

  async #openClient(tiers: TwoTiers): Promise<Client> {
    const runtime = this.#resources.use(new NodeRuntime({ directory: join(this.directory, 'publisher') }));
    const transport = this.#resources.use(new QuicTransport());
    const relays = [{ ...tiers.client, url: tiers.originUrl }];
    const client = await Client.open({ runtime, transport, relays, writerId: 'bench' });
    this.#resources.use(client);
    await until(() => client.connected, CONNECT_MS_MAX, 'the publisher is not connected');
    return client;
  }

  async #observe(client: Client, pop: string): Promise<void> {
    for await (const { current } of client.subscribeMap(applied, { pop })) {
      for (const [key, value] of current?.value ?? []) {
        for (const take of this.#seen) take({ pop, key, value, receivedWallMs: preciseWallMs() });
      }
    }
  }

  #acknowledged(pop: string, key: string, version: number, boundMs: number): Promise<Seen> {
    const { promise, resolve, reject } = Promise.withResolvers<Seen>();
    const take = (seen: Seen) => {
      if (seen.pop !== pop || seen.key !== key || seen.value.version !== version) return;
      if (seen.value.result === 'applied') resolve(seen);
      else reject(new Error(`${pop} says ${seen.value.result}: ${seen.value.reason}`));
    };
    const timer = setTimeout(() => reject(new Error(`${pop} has not acknowledged version ${version}`)), boundMs);
    this.#seen.add(take);
    return promise.finally(() => {
      clearTimeout(timer);
      this.#seen.delete(take);
    });
  }
}

async function until(holds: () => boolean, boundMs: number, otherwise: string): Promise<void> {
  const end = preciseWallMs() + boundMs;
  while (!holds()) {
    if (preciseWallMs() > end) throw new Error(`${otherwise} after ${boundMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
