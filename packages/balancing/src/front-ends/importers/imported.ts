import { DEFAULTS, LOCAL_OWNER } from '../../resources/defaults.js';
import type { BalancerConfiguration, Listener, LoadBalancer, Pool } from '../../resources/model.js';
import type { ResourceProblem } from '../../resources/problem.js';
import { validate } from '../../resources/validate.js';

/** Something in the other balancer's configuration that has no counterpart here, or another one than there. */
export interface Omission {
  /** From 1. */
  readonly line: number;
  /** What stands there. */
  readonly text: string;
  /** Why it is left out, or what stands in for it. */
  readonly reason: string;
}

/** What became of another balancer's configuration. */
export interface Imported {
  /** One load balancer of this host. */
  readonly configuration: BalancerConfiguration;
  /** In the order of the text; nothing is dropped without being listed. */
  readonly omitted: readonly Omission[];
  /** Rules of the model that the result breaks: to be settled by hand before it can be used. */
  readonly problems: readonly ResourceProblem[];
}

/** A listener that is being imported; `pool` is the name of the pool that it is to lead to. */
export type DraftListener = Partial<Listener> &
  Pick<Listener, 'name' | 'protocol' | 'port'> & { readonly pool: string };

/** Collects what an importer finds. */
export class Draft {
  readonly #name: string;
  readonly #omitted = new Map<string, Omission>();
  readonly #listeners: Listener[] = [];
  readonly #pools = new Map<string, { readonly pool: Pool; readonly line: number }>();

  constructor(name: string) {
    this.#name = name;
  }

  /** Lists what is left out; the same words of a line are listed once. */
  omit(line: number, text: string, reason: string): void {
    this.#omitted.set(`${line} ${text}`, { line, text, reason });
  }

  /** Adds a pool, which is only kept if a listener leads to it. */
  pool(line: number, pool: Partial<Pool> & Pick<Pool, 'name' | 'members'>): void {
    this.#pools.set(pool.name, { line, pool: { ...DEFAULTS.core.pool, ...pool } });
  }

  /** Adds a listener under a name that no other one has; the same port again, on the same addresses, adds nothing. */
  listener(line: number, { pool, name, ...given }: DraftListener): void {
    const listener: Listener = { ...DEFAULTS.core.listener, ...given, name, rules: [{ match: null, pool }] };
    if (this.#listeners.some((other) => sameExceptName(other, listener))) return;
    if (!this.#pools.has(pool)) {
      this.omit(line, name, `leads to ${pool}, of which nothing is left`);
      return;
    }
    const taken = new Set(this.#listeners.map((other) => other.name));
    let unique = name;
    for (let count = 2; taken.has(unique); count++) unique = `${name}-${count}`;
    this.#listeners.push({ ...listener, name: unique });
  }

  finish(): Imported {
    const used = new Set(this.#listeners.flatMap(({ rules }) => rules.map(({ pool }) => pool)));
    for (const { pool, line } of this.#pools.values()) {
      if (!used.has(pool.name)) this.omit(line, pool.name, 'nothing leads to it');
    }
    const loadBalancer: LoadBalancer = {
      ...{ owner: LOCAL_OWNER, name: this.#name, frontEnd: 'core', addresses: [], seed: null, announcement: null },
      chainPriority: DEFAULTS.core.chainPriority,
      listeners: this.#listeners,
      pools: [...this.#pools.values()].map(({ pool }) => pool).filter(({ name }) => used.has(name)),
    };
    const configuration = { loadBalancers: [loadBalancer] };
    const omitted = [...this.#omitted.values()].sort((a, b) => a.line - b.line);
    return { configuration, omitted, problems: validate(configuration).problems };
  }
}

function sameExceptName(a: Listener, b: Listener): boolean {
  return JSON.stringify({ ...a, name: '' }) === JSON.stringify({ ...b, name: '' });
}
