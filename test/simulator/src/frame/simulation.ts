import { RandomStream, VirtualWorld } from '@higgins/runtime';
import { type MemoryCertificate, MemoryNetwork, type MemoryNetworkOptions } from '@higgins/transport';
import { Coverage } from './coverage.js';
import type { Invariant } from './invariant.js';
import { LinkConditions } from './link-conditions.js';
import { type NodeOptions, type Program, SimulatedNode } from './node.js';
import { describe, type Observation } from './observation.js';
import { RenewableIdentity } from './renewable-identity.js';
import type { Recorded } from './timeline.js';

/** How many observations are kept for the report of a violation, unless a run asks for more. */
const HISTORY_MAX = 400;

/** One run: a world, a network, nodes, and the invariants that judge them. */
export class Simulation {
  readonly world: VirtualWorld;
  readonly network: MemoryNetwork;
  /** For what a scenario decides by lot; independent of what the network draws. */
  readonly random: RandomStream;
  readonly nodes = new Map<string, SimulatedNode>();
  /** What is wrong with links. */
  readonly links: LinkConditions;
  /** Certificates that can expire, by the node that has them. */
  readonly identities = new Map<string, RenewableIdentity>();
  readonly coverage = new Coverage();
  /** Observations that are kept. */
  historyMax = HISTORY_MAX;
  readonly #invariants: Invariant[] = [];
  /** Those among them that judge each step. */
  readonly #watching: Invariant[] = [];
  /** Those that judge observations. */
  readonly #listening: Invariant[] = [];
  readonly #history: Recorded[] = [];
  readonly #failures: unknown[] = [];
  #checks = 0;

  constructor(seed: number, network: MemoryNetworkOptions = {}) {
    this.world = new VirtualWorld({ seed });
    this.network = new MemoryNetwork(this.world, network);
    this.links = new LinkConditions(this.network);
    this.random = new RandomStream(seed, 'scenario');
  }

  /** How many times an invariant was judged. */
  get checks(): number {
    return this.#checks;
  }

  /** Adds a node; it has to be started. */
  node(options: NodeOptions, program: Program): SimulatedNode {
    const node = new SimulatedNode(this, options, program);
    this.nodes.set(node.name, node);
    return node;
  }

  /** The certificate of a node, which a fault may let expire. */
  identity(node: string, certificate: MemoryCertificate): RenewableIdentity {
    const identity = new RenewableIdentity(certificate);
    this.identities.set(node, identity);
    return identity;
  }

  /** The invariants that this run holds. */
  get invariants(): readonly Invariant[] {
    return this.#invariants;
  }

  hold(...invariants: readonly Invariant[]): void {
    this.#invariants.push(...invariants);
    this.#watching.push(...invariants.filter(({ check }) => check !== undefined));
    this.#listening.push(...invariants.filter(({ observe }) => observe !== undefined));
  }

  /** Something happened: it becomes part of the trace, and every invariant judges it. */
  observe(observation: Observation): void {
    const { nowMs, trace } = this.world;
    trace.text(describe(observation));
    if ('payload' in observation) trace.bytes(observation.payload);
    this.coverage.sampleSometimes(nowMs);
    this.#history.push({ atMs: nowMs, observation });
    if (this.#history.length > this.historyMax) this.#history.shift();
    this.#checks += this.#listening.length;
    for (const invariant of this.#listening) {
      try {
        invariant.observe!(observation, nowMs);
      } catch (error) {
        this.fail(error);
      }
    }
  }

  /** The run has failed: it ends before its next step, with the first of these errors. */
  fail(error: unknown): void {
    this.#failures.push(error);
  }

  /** Executes everything up to `untilMs`, judging the world after each step; throws what failed. */
  async run(untilMs: number): Promise<void> {
    await this.world.runWhile(() => this.#healthy(), untilMs);
    this.#throwFailure();
    await this.world.runUntil(untilMs);
  }

  /** Runs until the condition holds, at most for `limitMs`; returns whether it holds. It is asked every `everyMs`. */
  async runUntilTrue(condition: () => boolean, limitMs: number, everyMs = 0): Promise<boolean> {
    const { world } = this;
    const untilMs = world.nowMs + limitMs;
    let nextMs = world.nowMs;
    const holds = () => {
      if (world.nowMs < nextMs) return false;
      nextMs = world.nowMs + everyMs;
      return condition();
    };
    await world.runWhile(() => this.#healthy() && !holds(), untilMs);
    this.#throwFailure();
    return condition();
  }

  /** Judges the end of the run. */
  finish(): void {
    for (const invariant of this.#invariants) {
      this.#checks += 1;
      invariant.finish?.(this.world.nowMs);
    }
  }

  /** The last things that happened. */
  get records(): readonly Recorded[] {
    return this.#history;
  }

  /** The last things that happened, one line each; of the nodes named, or of all. */
  history(...nodes: readonly string[]): string[] {
    return this.#history
      .filter(({ observation }) => nodes.length === 0 || nodes.includes(observation.node))
      .map(({ atMs, observation }) => `${(atMs / 1000).toFixed(3).padStart(10)} s  ${describe(observation)}`);
  }

  #healthy(): boolean {
    if (this.#failures.length > 0) return false;
    this.#checks += this.#watching.length;
    try {
      for (const invariant of this.#watching) invariant.check!(this.world.nowMs);
    } catch (error) {
      this.#failures.push(error);
    }
    return this.#failures.length === 0;
  }

  #throwFailure(): void {
    if (this.#failures.length > 0) throw this.#failures[0];
  }
}
