import type { PoolMember } from '../health/rotation.js';
import type { ActiveCheckSettings, HealthOptions } from '../health/settings.js';
import { jenkinsHash } from '../jenkins-hash.js';
import type { ActiveCheck, LoadBalancer, Member, Pool } from './model.js';
import { writePlain } from './write.js';

const encoder = new TextEncoder();

/** The hash seed of a load balancer: its own, or one made of owner and name, the same on all nodes and after restarts. */
export function seedOf({ owner, name, seed }: Pick<LoadBalancer, 'owner' | 'name' | 'seed'>): number {
  return seed ?? jenkinsHash(encoder.encode(`${owner}/${name}`), 0);
}

/** Options for `healthSettings`; what members have of their own comes with `poolMemberOf`. */
export function healthOptionsOf({
  activeCheck,
  passiveCheck,
  slowStartMs,
  panicPercent,
  whenNoneHealthy,
}: Pool): HealthOptions {
  const active = activeCheck && thresholdsOf(activeCheck);
  return { active, outlier: passiveCheck, slowStartMs, panicPercent, whenNoneHealthy };
}

/** The check that a member gets: its own, or the pool's; null: it is not checked. */
export function checkOf(pool: Pick<Pool, 'activeCheck'>, member: Pick<Member, 'activeCheck'>): ActiveCheck | null {
  return member.activeCheck === 'inherit' ? pool.activeCheck : member.activeCheck;
}

/**
 * A member as `PoolHealth` takes it. For a name of which every address is a member of its own, `name` tells them apart and
 * `host` is the address; so a member that gets another address, port or check starts anew, and any other keeps its state.
 */
export function poolMemberOf(pool: Pool, member: Member, name = member.name, host = member.host): PoolMember {
  const check = checkOf(pool, member);
  const definition = JSON.stringify([host, member.port, writePlain(check)]);
  const active = member.activeCheck === 'inherit' ? {} : { active: check && thresholdsOf(check) };
  return { name, weight: member.weight, priority: member.priority, definition, ...active };
}

function thresholdsOf({ startAvailable, rise, fall }: ActiveCheck): ActiveCheckSettings {
  return { startAvailable, rise, fall };
}
