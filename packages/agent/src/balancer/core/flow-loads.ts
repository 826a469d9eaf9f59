import type { BalancerState, Loads } from './balancer-state.js';
import type { CheckBook } from './check-book.js';
import type { FlowSampler, Sample, SampleWish } from './flow-sampler.js';
import type { ServicePlan } from './layout.js';
import type { LiveNodes, NodeShare } from './live-nodes.js';
import type { Load, PoolRuntime } from './pool-runtime.js';

/** A full member takes new flows again below this share of its limit, so that it does not flap. */
const ROOM_SHARE = 0.9;

/** What flows and latencies make of pools: loads to weigh by, members that are full, drains that are over. */
export class FlowLoads implements Loads {
  readonly #sampler: FlowSampler;
  readonly #checks: CheckBook;
  readonly #nodes: LiveNodes;
  readonly #arrivals = new Map<string, number>();
  readonly #full = new Map<string, ReadonlySet<string>>();
  #state: BalancerState | null = null;

  constructor(sampler: FlowSampler, checks: CheckBook, nodes: LiveNodes) {
    this.#sampler = sampler;
    this.#checks = checks;
    this.#nodes = nodes;
  }

  /** The state whose pools are asked about. */
  follow(state: BalancerState): void {
    this.#state = state;
    for (const id of this.#full.keys()) if (state.service(id) === null) this.#full.delete(id);
    for (const key of this.#arrivals.keys()) if (!state.pools.has(key)) this.#arrivals.delete(key);
  }

  load(pool: PoolRuntime): Load {
    return {
      connections: (member) => this.connections(pool, member) ?? 0,
      latencyMs: (member) => {
        const check = pool.instances.get(member)?.check;
        return check ? this.#checks.smoothedLatencyMs(check.key) : null;
      },
      arrivals: this.#arrivals.get(pool.plan.key) ?? 0,
    };
  }

  full(service: string): ReadonlySet<string> {
    return this.#full.get(service) ?? new Set();
  }

  share(loadBalancer: string): NodeShare {
    return this.#nodes.shareOf(loadBalancer);
  }

  /** New flows of a pool since the last look. */
  arrived(pool: string, flows: number): void {
    this.#arrivals.set(pool, flows);
  }

  /** Flows of a member of one service; null: not counted. */
  connectionsOf(service: string, member: string): number | null {
    return this.#sampler.count(service, member);
  }

  /** Flows of a member over all services of the pool; null while one of them was not counted. */
  connections(pool: PoolRuntime, member: string): number | null {
    const plans = this.#state === null ? [] : this.#state.plansOf(pool.plan.key).filter(isCounted);
    const counts = plans.map(({ id }) => this.#sampler.count(id, member));
    return counts.reduce((sum, count) => (sum === null || count === null ? null : sum + count), 0 as number | null);
  }

  /** Whom to count: those whose flows decide something, and everybody. */
  wish(state: BalancerState): SampleWish {
    const urgent: Sample[] = [];
    const all: Sample[] = [];
    for (const plan of state.layout.services) {
      const service = state.service(plan.id);
      const pool = state.pools.get(plan.pool.key);
      if (service === null || pool === undefined || !isCounted(plan)) continue;
      const decides = plan.pool.pool.algorithm === 'least-connections' || service.connectionsPerMember !== null;
      for (const member of service.members.keys()) {
        const sample = { service, member };
        all.push(sample);
        if (decides || pool.statuses.get(member)?.state === 'draining') urgent.push(sample);
      }
    }
    return { urgent, all };
  }

  /** Looks anew for members at their limit; the pools where that changed have other slots. */
  judgeFull(state: BalancerState): void {
    for (const plan of state.layout.services) {
      const limit = plan.listener.limits.connectionsPerMember;
      if (limit === null) continue;
      const before = this.full(plan.id);
      const members = state.service(plan.id)?.members.keys() ?? [];
      const full = new Set([...members].filter((member) => this.#isFull(plan, member, limit, before.has(member))));
      if (full.size === before.size && full.isSubsetOf(before)) continue;
      this.#full.set(plan.id, full);
      state.pools.get(plan.pool.key)?.touch();
    }
  }

  #isFull({ id }: ServicePlan, member: string, limit: number, wasFull: boolean): boolean {
    const count = this.#sampler.count(id, member) ?? 0;
    return wasFull ? count > Math.min(limit - 1, limit * ROOM_SHARE) : count >= limit;
  }
}

/** With direct server return the node tracks no flows. */
function isCounted({ dataPath }: ServicePlan): boolean {
  return dataPath === 'nat';
}
