import {
  checkOf,
  MEMBERS_MAX,
  type Member,
  NAME_CHARACTERS_MAX,
  type PoolMember,
  poolMemberOf,
} from '@higgins/balancing';
import { familyOfAddress } from './addresses.js';
import type { CheckPlan } from './check-book.js';
import { nameKey, type PoolPlan } from './layout.js';
import type { NameBook } from './name-book.js';

/** A member of a pool at one address: a literal one, or one that its name has now. */
export interface Instance {
  /** The member's name, or `name@address` where every address of a name is a member of its own. */
  readonly name: string;
  readonly member: Member;
  readonly address: string;
  readonly check: CheckPlan | null;
  /** As the pool's health knows it. */
  readonly health: PoolMember;
}

/** The instances of a pool in its family, by name; a name that has no address yet has none. */
export function instancesOf(plan: PoolPlan, names: NameBook): Map<string, Instance> {
  const instances = new Map<string, Instance>();
  for (const member of plan.pool.members) {
    for (const instance of instancesOfMember(plan, member, names)) {
      if (instances.size < MEMBERS_MAX) instances.set(instance.name, instance);
    }
  }
  return instances;
}

/** Whether both stand for the same members at the same addresses, with the same weights and checks. */
export function sameInstances(left: ReadonlyMap<string, Instance>, right: ReadonlyMap<string, Instance>): boolean {
  if (left.size !== right.size) return false;
  return [...left].every(([name, { health, member }]) => {
    const other = right.get(name);
    return other !== undefined && other.member === member && other.health.definition === health.definition;
  });
}

function instancesOfMember(plan: PoolPlan, member: Member, names: NameBook): Instance[] {
  const { family } = plan.name;
  const literal = familyOfAddress(member.host);
  if (literal !== null) return literal === family ? [instance(plan, member, member.name, member.host)] : [];
  const key = nameKey(member);
  if (member.resolution.members === 'all') {
    return names.addresses(key, family).map((address) => instance(plan, member, nameAt(member.name, address), address));
  }
  const address = names.chosen(key, family);
  return address === null ? [] : [instance(plan, member, member.name, address)];
}

function instance(plan: PoolPlan, member: Member, name: string, address: string): Instance {
  const health = poolMemberOf(plan.pool, member, name, address);
  return { name, member, address, check: planCheck(plan, member, address, health), health };
}

function planCheck(
  plan: PoolPlan,
  member: Member,
  address: string,
  { name, definition }: PoolMember,
): CheckPlan | null {
  const check = checkOf(plan.pool, member);
  if (check === null) return null;
  const { host, port } = member;
  return {
    key: `${plan.key} ${name} ${host} ${definition}`,
    pool: plan.key,
    member: name,
    order: { address, port: check.port ?? port, host, check },
  };
}

function nameAt(name: string, address: string): string {
  return `${name.slice(0, NAME_CHARACTERS_MAX - 1 - address.length)}@${address}`;
}
