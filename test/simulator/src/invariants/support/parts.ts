import { Client } from '@higgins/client';
import { RelayNode } from '@higgins/relay/core';
import type { SimulatedNode } from '../../frame/node.js';
import type { Simulation } from '../../frame/simulation.js';

/** Nodes that are looked at after every step; in larger worlds each is looked at as often as in one of this size. */
const NODES_PER_STEP = 8;
/** Nodes on which no relay runs are looked for relays so rarely. */
const STEPS_PER_SEARCH = 128;

/** Looks at the parts of the processes that run, all of them after every step, or some of them in turn if there are many. */
export class Parts {
  readonly #simulation: Simulation;
  #nodes: readonly SimulatedNode[] = [];
  #next = 0;
  #relays: readonly SimulatedNode[] = [];
  #looked = 0;

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
    const count = Math.min(nodes.length, NODES_PER_STEP);
    for (let turn = 0; turn < count; turn++) {
      const { name, parts } = nodes[this.#next % nodes.length]!;
      this.#next += 1;
      for (const part of parts) {
        if (part instanceof RelayNode) relay(name, part);
        else if (client !== undefined && part instanceof Client) client(name, part);
      }
    }
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
