import type { Transition } from '@higgins/balancing';
import type { ServiceCounters } from '../../targets/maglev/model.js';
import type { BalancerState } from './balancer-state.js';
import type { Now } from './now.js';
import type { PoolRuntime } from './pool-runtime.js';
import type { TrafficBook } from './traffic.js';

/** Takes in what the kernel counted for the services of a pool: new flows, and what they did to the pool's members. */
export function judgeTraffic(
  traffic: TrafficBook,
  state: BalancerState,
  pool: PoolRuntime,
  counters: ReadonlyMap<string, ServiceCounters>,
  now: Now,
): { readonly flows: number; readonly transitions: readonly Transition[] } {
  const isJudged = pool.plan.settings.outlier !== null;
  const transitions: Transition[] = [];
  let flows = 0;
  for (const { id, listener } of state.plansOf(pool.plan.key)) {
    const counted = counters.get(id);
    if (counted === undefined) continue;
    for (const difference of traffic.counted(counted, listener.timeouts.connectMs, now.bootMs)) {
      const { member, sample } = difference;
      flows += difference.flows;
      if (!isJudged || sample.successes + sample.failures === 0 || !pool.instances.has(member)) continue;
      transitions.push(...pool.traffic(member, sample, now));
    }
  }
  return { flows, transitions };
}
