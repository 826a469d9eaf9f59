import type { NodePools, PoolReport } from '@higgins/signals';
import type { BalancerState } from './balancer-state.js';
import type { PoolName } from './events.js';
import { type Now, wallOf } from './now.js';
import type { PoolRuntime } from './pool-runtime.js';

type GatewayName = Pick<PoolName, 'owner' | 'loadBalancer'>;

/** The load balancers whose pools are to be told of on the bus; of each the newest state counts. */
export class PublicationQueue {
  readonly #waiting = new Map<string, GatewayName>();
  #known = new Map<string, GatewayName>();

  changed({ owner, loadBalancer }: GatewayName): void {
    this.#waiting.set(`${owner}/${loadBalancer}`, { owner, loadBalancer });
  }

  /** Another configuration is in force: all that it has, and what is gone, is told of. */
  follow(state: BalancerState): void {
    const before = this.#known.values();
    const now = state.layout.loadBalancers.map(({ owner, name }) => ({ owner, loadBalancer: name }));
    this.#known = new Map(now.map((name) => [`${name.owner}/${name.loadBalancer}`, name]));
    for (const name of [...before, ...now]) this.changed(name);
  }

  take(state: BalancerState | null, now: Now): (GatewayName & { readonly pools: NodePools | null }) | null {
    for (const [key, name] of this.#waiting) {
      this.#waiting.delete(key);
      return { ...name, pools: nodePoolsOf(state, name, now) };
    }
    return null;
  }
}

/** What is told on the bus of a load balancer's pools; null if there is no such load balancer. */
function nodePoolsOf(state: BalancerState | null, { owner, loadBalancer }: GatewayName, now: Now): NodePools | null {
  const pools = [...(state?.pools.values() ?? [])].filter(
    ({ plan: { name } }) => name.owner === owner && name.loadBalancer === loadBalancer,
  );
  return pools.length === 0 ? null : { pools: pools.map((pool) => reportOf(pool, now)) };
}

function reportOf(pool: PoolRuntime, now: Now): PoolReport {
  const { pool: name, family } = pool.plan.name;
  const members = pool.report().map(({ member, status, sinceMs, restoreAtMs }) => {
    const instance = pool.instances.get(member.name)!;
    return {
      ...{ name: member.name, address: instance.address, port: instance.member.port },
      ...{ status: status.state, reason: status.reason },
      ...{ sinceWallMs: wallOf(sinceMs, now), restoreWallMs: wallOf(restoreAtMs, now) },
    };
  });
  return { name, family, serving: pool.rotation(now).mode, members };
}
