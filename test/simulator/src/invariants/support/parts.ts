import { Client } from '@higgins/client';
import { RelayNode } from '@higgins/relay/core';
import type { SimulatedNode } from '../../frame/node.js';
import type { Simulation } from '../../frame/simulation.js';

/** Peers of one relay that are looked at together on average. */
const PEERS_PER_STEP = 16;
/** Nodes on which no relay runs are looked for relays so rarely. */
const STEPS_PER_SEARCH = 128;

/** Looks at the parts of the processes that run: after every step at those that it can have changed, and at others in turn. */
export class Parts {
  readonly #simulation: Simulation;
  #nodes: readonly SimulatedNode[] = [];
  #next = 0;
  #relays: readonly SimulatedNode[] = [];
  #looked = 0;
  readonly #looks = new WeakMap<RelayNode, number>();
  #lookedAtStep = -1;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  /** Every relay that runs; one that runs on a node for the first time is found somewhat later. */
  *relays(): Generator<readonly [string, RelayNode]> {
    if (this.#looked++ % STEPS_PER_SEARCH === 0) this.#search();
    for (const { name, parts } of this.#relays) {
      for (const part of parts) if (part instanceof RelayNode) yield [name, part];
    }
  }

  /** Every client that runs, be it a publisher's, an agent's or a consumer's. */
  *clients(): Generator<readonly [string, Client]> {
    for (const { name, parts } of this.#all()) {
      for (const part of parts) if (part instanceof Client) yield [name, part];
    }
  }

  /** Calls for the parts whose turn it is. */
  look(relay: (name: string, relay: RelayNode) => void, client?: (name: string, client: Client) => void): void {
    const nodes = this.#all();
    const since = this.#lookedAtStep;
    this.#lookedAtStep = this.#simulation.world.steps;
    const turn = this.#next++ % nodes.length;
    for (let index = 0; index < nodes.length; index++) {
      const { name, parts, process } = nodes[index]!;
      if (index !== turn && (process === null || process.ranAtStep < since)) continue;
      for (const part of parts) {
        if (part instanceof RelayNode) {
          if (this.#isDue(part)) relay(name, part);
        } else if (client !== undefined && part instanceof Client) client(name, part);
      }
    }
  }

  /** A relay with many peers takes as much longer to look at, and is looked at as much more rarely. */
  #isDue(relay: RelayNode): boolean {
    const looks = this.#looks.get(relay) ?? 0;
    this.#looks.set(relay, looks + 1);
    return looks % Math.max(1, Math.ceil(relay.core.peers.size / PEERS_PER_STEP)) === 0;
  }

  #all(): readonly SimulatedNode[] {
    if (this.#nodes.length !== this.#simulation.nodes.size) this.#nodes = [...this.#simulation.nodes.values()];
    return this.#nodes;
  }

  #search(): void {
    const known = new Set(this.#relays);
    this.#relays = [...this.#simulation.nodes.values()].filter(
      (node) => known.has(node) || node.parts.some((part) => part instanceof RelayNode),
    );
  }
}
