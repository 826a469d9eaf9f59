import {
  affinityIsRedundant,
  type Family,
  type Listener,
  type Selection,
  type SlotTable,
  type SourceList,
} from '@higgins/balancing';
import type { DesiredService, ServiceMember } from '../../targets/maglev/model.js';
import { familyOfRange } from './addresses.js';
import type { ServicePlan } from './layout.js';
import type { Instance } from './members.js';

/** What the kernel is to do for one listener in one family, with the slots that the pool has now. */
export function compileService(
  plan: ServicePlan,
  instances: ReadonlyMap<string, Instance>,
  { choice, table }: Selection,
): DesiredService {
  const { listener, loadBalancer, family, pool } = plan;
  const { limits, timeouts, protocol, port, interfaces, localTraffic } = listener;
  const { algorithm, affinity } = pool.pool;
  return {
    ...{ id: plan.id, family, protocol, port, addresses: plan.addresses, interfaces },
    ...{ priority: loadBalancer.chainPriority, dataPath: plan.dataPath, choice, table },
    acceleration: isGuarded(listener) ? 'off' : listener.acceleration,
    members: membersOf(plan, instances),
    affinity: affinityIsRedundant(algorithm) ? null : affinity,
    ...limits,
    ...{ connectMs: timeouts.connectMs, idleMs: timeouts.idleMs, onIdle: timeouts.onIdle },
    source: sourceOf(plan),
    allow: listener.allow?.kind === 'inline' ? prefixesOf(listener.allow, family) : null,
    block: listener.block === null ? [] : prefixesOf(listener.block, family),
    mirror: listener.mirror !== null && familyOfRange(listener.mirror) === family ? listener.mirror : null,
    localTraffic,
  };
}

/** Whether a list of the bus decides who is let in: its table is beside the way that XDP takes. */
function isGuarded({ allow, block }: Listener): boolean {
  return allow?.kind === 'track' || block?.kind === 'track';
}

/** Whether both ask the same of the kernel. */
export function sameService(left: DesiredService, right: DesiredService): boolean {
  return sameTable(left.table, right.table) && fieldsThatDiffer(left, right).length === 0;
}

/** Names of the fields that differ, slots apart. */
export function fieldsThatDiffer(left: DesiredService, right: DesiredService): string[] {
  const names = Object.keys(left) as (keyof DesiredService)[];
  return names.filter((name) => name !== 'table' && textOf(left[name]) !== textOf(right[name]));
}

/** Whether every slot leads to the same member. */
function sameTable(left: SlotTable, right: SlotTable): boolean {
  if (left === right) return true;
  if (left.slots.length !== right.slots.length || left.members.length !== right.members.length) return false;
  return (
    left.members.every((name, index) => name === right.members[index]) &&
    left.slots.every((member, slot) => member === right.slots[slot])
  );
}

/** Whether a service holds nobody who could serve, and takes the packets of every address only because it might. */
export function isIdle(plan: ServicePlan, instances: ReadonlyMap<string, Instance>): boolean {
  return plan.addresses.length === 0 && instances.size === 0;
}

function membersOf({ listener }: ServicePlan, instances: ReadonlyMap<string, Instance>): Map<string, ServiceMember> {
  const isDirect = listener.dataPath !== 'nat';
  const sorted = [...instances.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
  return new Map(
    sorted.map(({ name, address, member }) => [name, { address, port: isDirect ? listener.port : member.port }]),
  );
}

function sourceOf({ listener, family }: ServicePlan): DesiredService['source'] {
  if (listener.clientAddress === 'keep') return 'keep';
  const address = listener.sourceAddresses.find((each) => familyOfRange(each) === family);
  return address === undefined ? 'masquerade' : { address };
}

/** Lists of the bus have no prefixes here: the list target enforces them. */
function prefixesOf(list: SourceList, family: Family): string[] {
  return list.kind === 'inline' ? list.prefixes.filter((prefix) => familyOfRange(prefix) === family) : [];
}

function textOf(value: unknown): string {
  return JSON.stringify(value instanceof Map ? [...value] : value) ?? '';
}
