import { VirtualMachine as Machine, type VirtualMachine, type VirtualRuntime, VirtualWorld } from '@higgins/runtime';
import { organisationList, parseListEntries } from '@higgins/signals';
import { type LinkOptions, MemoryNetwork, memoryIdentity } from '@higgins/transport';
import { Client, type ClientOptions } from '../client.js';
import type { ClientEvent } from '../client-events.js';
import type { Subscription, Update } from '../subscription.js';

/** Virtual time that anything may take in these tests. */
const LIMIT_MS = 60_000;
const PORT = 4433;

/** A client with the process that it lives in. */
export interface Node {
  readonly runtime: VirtualRuntime;
  readonly machine: VirtualMachine;
  readonly client: Client;
  readonly events: ClientEvent[];
}

/** A world with a network, in which clients publish, listen and subscribe. */
export class Bench {
  readonly world: VirtualWorld;
  readonly network: MemoryNetwork;
  readonly #machines = new Map<string, VirtualMachine>();

  constructor(seed: number, link: Partial<LinkOptions> = { latencyMs: 10 }) {
    this.world = new VirtualWorld({ seed });
    this.network = new MemoryNetwork(this.world, { link });
  }

  machine(name: string): VirtualMachine {
    let machine = this.#machines.get(name);
    if (machine === undefined) {
      machine = new Machine(this.world, { name });
      this.#machines.set(name, machine);
    }
    return machine;
  }

  /** Starts a process with a client; `upstreams`: machines that serve. */
  async start(name: string, upstreams: readonly string[], change: Partial<ClientOptions> = {}): Promise<Node> {
    const machine = this.machine(name);
    const runtime = machine.start();
    const events: ClientEvent[] = [];
    const client = await this.settle(
      Client.open({
        runtime,
        transport: this.network.transport(runtime),
        relays: upstreams.map((host) => ({ url: `moqt://${host}:${PORT}/`, insecure: true })),
        writerId: name,
        onEvent: (event) => events.push(event),
        ...change,
      }),
    );
    return { runtime, machine, client, events };
  }

  /** Lets a client serve its tracks to those who connect to its machine. */
  async listen(node: Node): Promise<void> {
    await this.settle(
      this.network.transport(node.runtime).listen({
        host: node.machine.name,
        port: PORT,
        identity: memoryIdentity({ issuer: 'test', subject: node.machine.name }),
        protocols: ['moqt-18'],
        accept: (connection) => node.client.serve(connection),
      }),
    );
  }

  settle<Value>(promise: Promise<Value>): Promise<Value> {
    return this.world.runUntilSettled(promise, LIMIT_MS);
  }

  async until(what: string, condition: () => boolean, limitMs = LIMIT_MS): Promise<void> {
    if (!(await this.world.runUntilTrue(condition, limitMs))) throw new Error(`in vain: ${what}`);
  }
}

export const listParams = { org: 'acme', list: 'blocked' };

export const listOf = (version: number, count = 1) => ({
  owner: 'acme',
  version,
  createdWallMs: null,
  expiry: 'closed' as const,
  entries: parseListEntries(
    Array.from({ length: count }, (_, index) => `10.${index >> 8}.${index & 255}.${version % 256}`),
  ),
});

/** Publishes a version of the test list. */
export function publishList(bench: Bench, node: Node, version: number, ttlMs = 60_000) {
  return bench.settle(node.client.publish(organisationList, listParams, listOf(version), { ttlMs }));
}

/** Takes every update as soon as it comes, into a growing list. */
export function collect<V>(subscription: Subscription<V>): { updates: Update<V>[]; error: () => unknown } {
  const updates: Update<V>[] = [];
  let failure: unknown = null;
  const run = async () => {
    for await (const update of subscription) updates.push(update);
  };
  run().catch((error: unknown) => {
    failure = error;
  });
  return { updates, error: () => failure };
}
