import { LOCAL_OWNER } from './defaults.js';
import type { BalancerConfiguration, LoadBalancer } from './model.js';
import { type Report, refusal } from './problem.js';

/** What one owner may have. */
export interface Quotas {
  readonly loadBalancers: number;
  readonly listenersPerLoadBalancer: number;
  readonly membersPerPool: number;
  /** Sum of the limits that its listeners ask for. */
  readonly connectionsPerSecond: number;
}

/** Quotas of an organisation unless it has others: what tables of 16,381 slots hold for 160 members. */
export const DEFAULT_QUOTAS: Quotas = {
  loadBalancers: 20,
  listenersPerLoadBalancer: 10,
  membersPerPool: 160,
  connectionsPerSecond: 10_000,
};

/** Quotas of an owner; null: none. The host's own file (`local`) has none by default. */
export type QuotasOf = (owner: string) => Quotas | null;

/** `DEFAULT_QUOTAS` for everybody but `local`. */
export const defaultQuotasOf: QuotasOf = (owner) => (owner === LOCAL_OWNER ? null : DEFAULT_QUOTAS);

/** Reports what is above its owner's quota, with the limit and the use. */
export function checkQuotas({ loadBalancers }: BalancerConfiguration, quotasOf: QuotasOf, report: Report): void {
  const counts = new Map<string, { loadBalancers: number; connectionsPerSecond: number }>();
  for (const [index, loadBalancer] of loadBalancers.entries()) {
    const { owner } = loadBalancer;
    const quotas = quotasOf(owner);
    if (quotas === null) continue;
    const before = counts.get(owner) ?? { loadBalancers: 0, connectionsPerSecond: 0 };
    const use = {
      loadBalancers: before.loadBalancers + 1,
      connectionsPerSecond: before.connectionsPerSecond + rateOf(loadBalancer),
    };
    counts.set(owner, use);
    const above = (path: (string | number)[], what: string, count: number, limit: number) => {
      if (count > limit) report(['loadBalancers', index, ...path], quotaText(owner, what, count, limit));
    };
    above([], 'load balancers', use.loadBalancers, quotas.loadBalancers);
    above(['listeners'], 'listeners', loadBalancer.listeners.length, quotas.listenersPerLoadBalancer);
    above(['listeners'], 'new connections per second', use.connectionsPerSecond, quotas.connectionsPerSecond);
    for (const [pool, { members }] of loadBalancer.pools.entries()) {
      above(['pools', pool, 'members'], 'members', members.length, quotas.membersPerPool);
    }
  }
}

function rateOf({ listeners }: LoadBalancer): number {
  return listeners.reduce((sum, { limits }) => sum + (limits.connectionsPerSecond ?? 0), 0);
}

function quotaText(owner: string, what: string, count: number, limit: number): string {
  return refusal(count, `at most ${limit} ${what}, the quota of ${owner}`);
}
