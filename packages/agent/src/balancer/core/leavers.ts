import type { MemberTransition } from '@higgins/balancing';
import type { BalancerState } from './balancer-state.js';
import type { Cut } from './cut-book.js';
import type { Instance } from './members.js';
import type { PoolRuntime } from './pool-runtime.js';

type NewCut = Omit<Cut, 'key'>;

/**
 * The flows to cut for a member whose state changed: all of them if it is dead or its drain is over; those of UDP also if
 * it merely takes no new ones, because a client that goes on sending would stay with it for ever.
 */
export function leavers(state: BalancerState, pool: PoolRuntime, transition: MemberTransition): NewCut[] {
  const { from, to, flows, member } = transition;
  const leaves = isServing(from.state) && !isServing(to.state);
  if (flows === 'keep' && !leaves) return [];
  return state.plansOf(pool.plan.key).flatMap((plan) => {
    const service = state.service(plan.id);
    if (service === null || (flows === 'keep' && plan.listener.protocol !== 'udp')) return [];
    return [{ service, member, name: { ...pool.plan.name, member } }];
  });
}

/** The UDP flows of members that `after` has no more, or has at another address, in all pools or in one. */
export function leavesBehind(
  before: BalancerState,
  after: BalancerState,
  key?: string,
  instancesBefore?: ReadonlyMap<string, Instance>,
): NewCut[] {
  return before.layout.services.flatMap((plan) => {
    const service = before.service(plan.id);
    if (plan.listener.protocol !== 'udp' || service === null || (key !== undefined && plan.pool.key !== key)) return [];
    const now = after.pools.get(plan.pool.key)?.instances;
    const instances = instancesBefore ?? before.pools.get(plan.pool.key)?.instances ?? new Map<string, Instance>();
    return [...instances.values()]
      .filter(({ name, address, member }) => {
        const other = now?.get(name);
        return service.members.has(name) && (other?.address !== address || other.member.port !== member.port);
      })
      .map(({ name }) => ({ service, member: name, name: { ...plan.pool.name, member: name } }));
  });
}

/** Whether new flows still go where a cut would end them, as when all serve because none is well. */
export function serves(state: BalancerState, { service, member }: Cut): boolean {
  const now = state.service(service.id);
  const where = now?.members.get(member);
  const was = service.members.get(member);
  return now?.table.members.includes(member) === true && where?.address === was?.address && where?.port === was?.port;
}

function isServing(state: MemberTransition['to']['state']): boolean {
  return state === 'active' || state === 'on-trial';
}
