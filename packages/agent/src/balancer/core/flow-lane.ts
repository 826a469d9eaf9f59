import type { BalancerAction } from './actions.js';
import type { BalancerState } from './balancer-state.js';
import { DrainWatch } from './drain-watch.js';
import type { FlowLoads } from './flow-loads.js';
import type { FlowSampler } from './flow-sampler.js';
import { serves } from './leavers.js';
import type { Ledger } from './ledger.js';
import { earlier, type Now } from './now.js';

type FlowAction = Extract<BalancerAction, { kind: 'cut' | 'sample' }>;

/** Counts flows and ends them, one member at a time, beside what the kernel is programmed with; cuts come first. */
export class FlowLane {
  readonly #sampler: FlowSampler;
  readonly #loads: FlowLoads;
  readonly #ledger: Ledger;
  readonly #drainWatch = new DrainWatch();

  constructor(sampler: FlowSampler, loads: FlowLoads, ledger: Ledger) {
    this.#sampler = sampler;
    this.#loads = loads;
    this.#ledger = ledger;
  }

  /** `applied`: number of the program that the kernel has. */
  next(state: BalancerState, applied: number, now: Now): FlowAction | null {
    if (this.#isBusy) return null;
    const cut = this.#ledger.cuts.take(applied, (each) => serves(state, each), now);
    if (cut !== null) return { kind: 'cut', cut };
    const sample = this.#sampler.take(() => this.#loads.wish(state), now);
    return sample && { kind: 'sample', sample };
  }

  /** When `next` has something, if nothing happens before. */
  nextBootMs(): number | null {
    return this.#isBusy ? null : earlier(this.#sampler.nextBootMs(), this.#ledger.cuts.nextBootMs());
  }

  /** The flows of the sample in flight; null if they could not be counted. After a whole round, what that means. */
  sampled(state: BalancerState | null, connections: number | null, now: Now): void {
    if (!this.#sampler.done(connections, now) || state === null) return;
    this.#loads.judgeFull(state);
    for (const pool of state.pools.values()) {
      const connectionsOf = (member: string) => this.#loads.connections(pool, member);
      const { empty, progress } = this.#drainWatch.look(pool, connectionsOf, now);
      for (const occurrence of progress) this.#ledger.note(occurrence, now);
      for (const member of empty) this.#ledger.took(state, pool, pool.empty(member, now), now);
    }
  }

  /** The cut in flight ended so many flows; null if it failed. */
  cutDone(flows: number | null, now: Now): void {
    const cut = this.#ledger.cuts.done(flows !== null, now);
    if (cut !== null && flows)
      this.#ledger.note({ kind: 'flows-cut', ...cut.name, service: cut.service.id, flows }, now);
  }

  /** Forgets services that are gone. */
  retain(services: ReadonlySet<string>): void {
    this.#sampler.retain(services);
  }

  get #isBusy(): boolean {
    return this.#ledger.cuts.busy || this.#sampler.busy;
  }
}
