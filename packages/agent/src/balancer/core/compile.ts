import { affinityIsRedundant, type Family, type Listener, type SlotTable, type SourceList } from '@higgins/balancing';
import type { DesiredService, ServiceMember } from '../../targets/maglev/model.js';
import { familyOfRange } from './addresses.js';
import type { ServicePlan } from './layout.js';
import { type NodeShare, partOf } from './live-nodes.js';
import type { Instance } from './members.js';
import type { PoolSelection } from './pool-runtime.js';

/** What the kernel is to do for one listener in one family, with the slots that the pool has now. */
export function compileService(
  plan: ServicePlan,
  instances: ReadonlyMap<string, Instance>,
  selection: PoolSelection,
  share: NodeShare,
): DesiredService {
  const { listener, loadBalancer, family, pool } = plan;
  const { limits, timeouts, protocol, port, interfaces, localTraffic } = listener;
  const { algorithm, affinity } = pool.pool;
  const { choice, table } = selection;
  return {
    ...{ id: plan.id, family, protocol, port, addresses: plan.addresses, interfaces },
    ...{ priority: loadBalancer.chainPriority, dataPath: plan.dataPath, choice, table },
    acceleration: isGuarded(listener) ? 'off' : listener.acceleration,
    members: membersOf(plan, instances),
    affinity: affinityIsRedundant(algorithm) ? null : affinity,
    ...limits,
    // New connections are limited for the whole PoP; open ones each node counts for itself.
    ...{ connectionsPerSecond: partOf(limits.connectionsPerSecond, share), burst: partOf(limits.burst, share) },
    trial: trialOf(plan, selection),
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
  return (
    sameTable(left.table, right.table) &&
    sameTrial(left.trial, right.trial) &&
    fieldsThatDiffer(left, right).length === 0
  );
}

/** Names of the fields that differ, slots and who is on trial apart. */
export function fieldsThatDiffer(left: DesiredService, right: DesiredService): string[] {
  const names = Object.keys(left) as (keyof DesiredService)[];
  const textOfField = (service: DesiredService, name: keyof DesiredService) =>
    textOf(name === 'trial' ? service.trial?.connectionsMax : service[name]);
  return names.filter((name) => name !== 'table' && textOfField(left, name) !== textOfField(right, name));
}

/** Whether the same members are on trial, with the same others to stand in. */
function sameTrial(left: DesiredService['trial'], right: DesiredService['trial']): boolean {
  if (left === null || right === null) return left === right;
  if (left.members.join() !== right.members.join()) return false;
  return left.others === null || right.others === null
    ? left.others === right.others
    : sameTable(left.others, right.others);
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

/** Only where the node tracks flows can it count them. */
function trialOf({ pool, dataPath }: ServicePlan, { onTrial, others }: PoolSelection): DesiredService['trial'] {
  const halfOpen = pool.settings.outlier?.halfOpen;
  if (!halfOpen || dataPath !== 'nat') return null;
  return { connectionsMax: halfOpen.connectionsMax, members: onTrial, others };
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
