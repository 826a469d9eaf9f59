import { type ActiveCheck, checkOf } from '@higgins/balancing';
import { firstAddress } from './addresses.js';
import type { CheckPlan } from './check-book.js';
import type { ServicePlan } from './layout.js';
import { DIRECT_ADDRESSES_MAX, DIRECT_FALL, DIRECT_INTERVAL_MS, DIRECT_TIMEOUT_MS } from './limits.js';
import type { Instance } from './members.js';

/** The type by which status and events name checks of direct server return. */
export const DIRECT_RETURN_CHECK = 'direct-return';

/** What each member of a pool is asked for by one of its services; none where nothing is to be checked. */
export function directChecksOf(plan: ServicePlan, instances: ReadonlyMap<string, Instance>): CheckPlan[] {
  const { directCheck, dataPath, listener } = plan;
  if (directCheck === 'off' || dataPath === 'nat') return [];
  const addresses = plan.addresses.slice(0, DIRECT_ADDRESSES_MAX).map(firstAddress);
  const { protocol, port } = listener;
  const direct = { dataPath, protocol, addresses };
  const asked = `${dataPath} ${protocol} ${port} ${addresses.join(' ')}`;
  return [...instances.values()].map(({ name, address, member }) => ({
    key: `${plan.pool.key} ${name} ${plan.id} ${address} ${asked}`,
    pool: plan.pool.key,
    member: name,
    direct: { listener: listener.name, enforce: directCheck === 'enforce' },
    order: { address, port, host: member.host, check: checkFor(plan, member), direct },
  }));
}

/** Its times; and of a datagram's check what it sends, since a server may be silent to anything else. */
function checkFor({ pool }: ServicePlan, member: Instance['member']): ActiveCheck {
  const active = checkOf(pool.pool, member);
  return {
    ...{ type: DIRECT_RETURN_CHECK, port: null, intervalMs: DIRECT_INTERVAL_MS, timeoutMs: DIRECT_TIMEOUT_MS },
    ...{ rise: 1, fall: DIRECT_FALL, startAvailable: false, http: null, tls: null },
    udp: active?.type === 'udp' ? active.udp : null,
  };
}
