import {
  type BalancerConfiguration,
  defaultTableSize,
  type Family,
  type HealthSettings,
  healthOptionsOf,
  healthSettings,
  jenkinsHash,
  type Listener,
  type LoadBalancer,
  MEMBERS_MAX,
  type Member,
  type Pool,
  type Resolution,
  seedOf,
  type TableSize,
} from '@higgins/balancing';
import type { DesiredService } from '../../targets/maglev/model.js';
import { familyOfAddress, familyOfRange } from './addresses.js';
import type { PoolName } from './events.js';

/** A configuration that this node can't carry out; the one before stays in force. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

/** One listener in one family, before anything is known of its members. */
export interface ServicePlan {
  /** As in the kernel. */
  readonly id: string;
  readonly family: Family;
  readonly loadBalancer: LoadBalancer;
  readonly listener: Listener;
  /** Those of the family; empty: every address of the host. */
  readonly addresses: readonly string[];
  readonly dataPath: DesiredService['dataPath'];
  /** Whether members are looked at before they get packets. */
  readonly directCheck: Listener['dsrCheck'];
  readonly pool: PoolPlan;
}

/** One pool in one family. */
export interface PoolPlan {
  /** Unique; made of the name. */
  readonly key: string;
  readonly name: PoolName;
  readonly pool: Pool;
  readonly settings: HealthSettings;
  readonly seed: number;
  /** Null: by the number of members. */
  readonly tableSize: TableSize | null;
  /** Everything of it, to compare it with others. */
  readonly text: string;
}

/** A name to be resolved for members that have it as their host. */
export interface NamePlan {
  readonly key: string;
  readonly host: string;
  readonly families: readonly Family[];
  readonly resolution: Resolution;
}

/** What a configuration amounts to on this node. */
export interface Layout {
  readonly loadBalancers: readonly LoadBalancer[];
  readonly services: readonly ServicePlan[];
  readonly pools: ReadonlyMap<string, PoolPlan>;
  readonly names: ReadonlyMap<string, NamePlan>;
}

const SEED_OF_SEEDS = 0x1b_1e_55;
const NAME_IN_ID_CHARACTERS = 36;
const encoder = new TextEncoder();

/**
 * Lays out the services, pools and names of a configuration.
 *
 * @param seeds what earlier configurations were given, by `loadBalancerKey`: a seed never changes by itself
 * @param looks whether this node can find out if members are set up for direct server return; if not, all count as such
 * @throws ConfigurationError naming what this node can't do
 */
export function layOut(
  configuration: BalancerConfiguration,
  seeds: ReadonlyMap<string, number>,
  looks = false,
): Layout {
  const services: ServicePlan[] = [];
  const pools = new Map<string, PoolPlan>();
  const names = new Map<string, NamePlan>();
  for (const loadBalancer of configuration.loadBalancers) {
    const seed = lastingSeedOf(loadBalancer, seeds);
    for (const listener of loadBalancer.listeners) {
      const pool = poolOf(loadBalancer, listener);
      for (const family of familiesOf(loadBalancer, listener, pool)) {
        const plan = planPool(loadBalancer, pool, family, { seed, looks });
        if (!pools.has(plan.key)) pools.set(plan.key, plan);
        services.push(planService(loadBalancer, listener, family, looks, pools.get(plan.key)!));
      }
    }
  }
  refuseDuplicates(services);
  for (const pool of pools.values()) addNames(pool, names);
  return { loadBalancers: configuration.loadBalancers, services, pools, names };
}

/** Names a load balancer on this node. */
export function loadBalancerKey({ owner, name }: Pick<LoadBalancer, 'owner' | 'name'>): string {
  return `${owner}/${name}`;
}

/** The hash seed: as configured, as it was before, or made of owner and name. */
export function lastingSeedOf(loadBalancer: LoadBalancer, seeds: ReadonlyMap<string, number>): number {
  return loadBalancer.seed ?? seeds.get(loadBalancerKey(loadBalancer)) ?? seedOf(loadBalancer);
}

/** The key of the name that is a member's host. */
export function nameKey({ host, resolution }: Member): string {
  return [host, resolution.ttlMs ?? '', ...resolution.servers].join(' ');
}

/** A name is asked for the families of all pools that have it. */
function addNames({ pool, name: { family } }: PoolPlan, names: Map<string, NamePlan>): void {
  for (const member of pool.members) {
    if (familyOfAddress(member.host) !== null) continue;
    const key = nameKey(member);
    const others = names.get(key)?.families ?? [];
    const families = ([4, 6] as const).filter((each) => each === family || others.includes(each));
    names.set(key, { key, host: member.host, families, resolution: member.resolution });
  }
}

function poolOf(loadBalancer: LoadBalancer, listener: Listener): Pool {
  const [rule] = listener.rules;
  const pool = loadBalancer.pools.find(({ name }) => name === rule?.pool);
  if (pool === undefined) {
    throw new ConfigurationError(`listener "${listener.name}" leads to no pool, expected one rule that names one`);
  }
  if (pool.members.length > MEMBERS_MAX) {
    throw new ConfigurationError(
      `pool "${pool.name}" has ${pool.members.length} members, expected at most ${MEMBERS_MAX}`,
    );
  }
  return pool;
}

/**
 * The families of the addresses; where a listener takes every address of the host, those that its members may be of, so
 * that packets of a family that nobody could serve are left alone.
 */
function familiesOf(loadBalancer: LoadBalancer, listener: Listener, pool: Pool): Family[] {
  const addresses = addressesOf(loadBalancer, listener);
  const families = addresses.length > 0 ? addresses.map(familyOfRange) : pool.members.flatMap(familiesOfMember);
  return ([4, 6] as const).filter((family) => families.includes(family));
}

function familiesOfMember({ host }: Member): Family[] {
  const family = familyOfAddress(host);
  return family === null ? [4, 6] : [family];
}

function addressesOf(loadBalancer: LoadBalancer, listener: Listener): readonly string[] {
  return listener.addresses.length > 0 ? listener.addresses : loadBalancer.addresses;
}

/** Listeners without addresses take whatever is addressed to the host: nobody knows what members need. */
function directCheckOf(
  loadBalancer: LoadBalancer,
  listener: Listener,
  family: Family,
  looks: boolean,
): Listener['dsrCheck'] {
  const hasAddresses = addressesOf(loadBalancer, listener).some((address) => familyOfRange(address) === family);
  return looks && hasAddresses && listener.dataPath.startsWith('dsr-') ? listener.dsrCheck : 'off';
}

function planPool(
  loadBalancer: LoadBalancer,
  pool: Pool,
  family: Family,
  { seed, looks }: { readonly seed: number; readonly looks: boolean },
): PoolPlan {
  const { owner, name } = loadBalancer;
  const fitnessRequired = loadBalancer.listeners.some((listener) => {
    const leadsHere = listener.rules[0]?.pool === pool.name;
    return leadsHere && directCheckOf(loadBalancer, listener, family, looks) === 'enforce';
  });
  return {
    key: `${owner}/${name}/${pool.name}/${family}`,
    name: { owner, loadBalancer: name, pool: pool.name, family },
    pool,
    settings: healthSettings({ ...healthOptionsOf(pool), fitnessRequired }),
    seed,
    tableSize: pool.tableSize,
    text: JSON.stringify([pool, seed, fitnessRequired]),
  };
}

function planService(
  loadBalancer: LoadBalancer,
  listener: Listener,
  family: Family,
  looks: boolean,
  pool: PoolPlan,
): ServicePlan {
  const { dataPath } = listener;
  if (dataPath === 'proxy') {
    const expected = 'expected nat, dsr-l2 or dsr-l3: this node carries no proxy';
    throw new ConfigurationError(`listener "${listener.name}" has the data path "proxy", ${expected}`);
  }
  const addresses = addressesOf(loadBalancer, listener).filter((address) => familyOfRange(address) === family);
  const directCheck = directCheckOf(loadBalancer, listener, family, looks);
  const id = serviceId(loadBalancer, listener, family);
  return { id, family, loadBalancer, listener, addresses, dataPath, directCheck, pool };
}

/** Readable, and the same whatever else is configured: the hash tells apart names that differ in other characters only. */
function serviceId({ owner, name }: LoadBalancer, listener: Listener, family: Family): string {
  const readable = `${name}_${listener.name}`.replaceAll(/[^A-Za-z0-9]+/g, '_').slice(0, NAME_IN_ID_CHARACTERS);
  const hash = jenkinsHash(encoder.encode(`${owner}/${name}/${listener.name}`), SEED_OF_SEEDS);
  return `${readable}_${hash.toString(16).padStart(8, '0')}_${family}`;
}

function refuseDuplicates(services: readonly ServicePlan[]): void {
  const seen = new Set<string>();
  for (const { id, loadBalancer, listener } of services) {
    if (seen.has(id)) {
      const named = `listener "${listener.name}" of load balancer "${loadBalancer.name}"`;
      throw new ConfigurationError(`${named} has the same name in the kernel as another, expected another name`);
    }
    seen.add(id);
  }
}

/** Slots of a hashed table: by everyone in the pool, so that it does not depend on who is well. */
export function tableSizeOf({ tableSize }: PoolPlan, members: number): TableSize {
  return tableSize ?? defaultTableSize(members);
}
