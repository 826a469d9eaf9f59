import { type MemberReport, slotCounts } from '@higgins/balancing';
import type { BalancerCore } from './balancer-core.js';
import type { BalancerState } from './balancer-state.js';
import { loadBalancerKey, type ServicePlan } from './layout.js';
import { type Now, wallOf } from './now.js';
import type { PoolRuntime } from './pool-runtime.js';
import type {
  BalancerStatus,
  ConfigurationStatus,
  DirectReturnStatus,
  DrainStatus,
  KernelStatus,
  MemberStatusReport,
  PoolStatus,
  ServiceMemberStatus,
  ServiceStatus,
} from './status.js';

/** What the core knows of the status; the shell adds what it sees of the machine. */
export type CoreStatus = Pick<BalancerStatus, 'kernel' | 'services' | 'pools' | 'names'> & {
  readonly configuration: Omit<ConfigurationStatus, 'source' | 'stale'>;
};

/** The state of everything, as of now. */
export function reportOf(core: BalancerCore, now: Now): CoreStatus {
  const { state } = core;
  const { revision, appliedWallMs, refused } = core.configurations;
  return {
    configuration: { revision, appliedWallMs, refused },
    kernel: kernelOf(core),
    services: state === null ? [] : state.layout.services.flatMap((plan) => serviceOf(core, state, plan) ?? []),
    pools: state === null ? [] : [...state.pools.values()].map((pool) => poolOf(core, state, pool, now)),
    names: core.names.status(now),
  };
}

function kernelOf({ kernel }: BalancerCore): KernelStatus {
  const { programmer, isFlushed, verifiedWallMs } = kernel;
  const { applied, appliedWallMs, failure, settled } = programmer;
  const isStarting = applied === null;
  const phase = isFlushed
    ? 'flushed'
    : failure !== null
      ? 'failed'
      : isStarting
        ? 'starting'
        : settled
          ? 'in-force'
          : 'applying';
  return { phase, generation: applied?.number ?? 0, appliedWallMs, failure, verifiedWallMs };
}

function serviceOf(core: BalancerCore, state: BalancerState, plan: ServicePlan): ServiceStatus | null {
  const service = state.service(plan.id);
  const selection = state.selection(plan.id);
  if (service === null || selection === null) return null;
  const { loadBalancer, listener, pool } = plan;
  return {
    id: plan.id,
    ...{ owner: loadBalancer.owner, loadBalancer: loadBalancer.name, frontEnd: loadBalancer.frontEnd },
    ...{ listener: listener.name, protocol: listener.protocol, port: listener.port, family: plan.family },
    ...{ addresses: plan.addresses, interfaces: listener.interfaces, dataPath: plan.dataPath },
    ...{ pool: pool.name.pool, algorithm: pool.pool.algorithm, seed: pool.seed },
    failoverSafe:
      selection.failoverSafe && plan.dataPath === 'nat' ? service.source === 'keep' : selection.failoverSafe,
    totals: core.traffic.totals(plan.id),
    refused: core.traffic.refused(plan.id),
    connectionsPerSecond: service.connectionsPerSecond,
    nodes: core.nodes.shareOf(loadBalancerKey(loadBalancer)).nodes,
    members: membersOf(core, state, plan),
  };
}

function membersOf(core: BalancerCore, state: BalancerState, plan: ServicePlan): ServiceMemberStatus[] {
  const { table, members } = state.service(plan.id)!;
  const counts = slotCounts(table);
  const slots = new Map(table.members.map((name, index) => [name, counts[index]!]));
  return [...members].map(([member, { address, port }]) => {
    const { packets, bytes, flows } = core.traffic.memberTotals(plan.id, member);
    return {
      ...{ member, address, port },
      ...{ slots: slots.get(member) ?? 0, slotsTotal: table.slots.length },
      connections: plan.dataPath === 'nat' ? core.loads.connectionsOf(plan.id, member) : null,
      full: core.loads.full(plan.id).has(member),
      totals: { packets, bytes, flows },
    };
  });
}

function poolOf(core: BalancerCore, state: BalancerState, pool: PoolRuntime, now: Now): PoolStatus {
  const rotation = pool.rotation(now);
  const shares = new Map(rotation.members.map(({ name, sharePercent = 100 }) => [name, sharePercent]));
  const members = pool.report().map((report) => ({
    ...memberOf(core, pool, report, shares.get(report.member.name) ?? 0, now),
    directReturn: directReturnOf(core, state, pool, report.member.name, now),
  }));
  const available = members.filter(({ state }) => state === 'active' || state === 'on-trial').length;
  return { ...pool.plan.name, algorithm: pool.plan.pool.algorithm, mode: rotation.mode, available, members };
}

function memberOf(
  core: BalancerCore,
  pool: PoolRuntime,
  { member, status, sinceMs, restoreAtMs, record }: MemberReport,
  sharePercent: number,
  now: Now,
): Omit<MemberStatusReport, 'directReturn'> {
  const instance = pool.instances.get(member.name)!;
  return {
    ...{ member: member.name, host: instance.member.host, address: instance.address, port: instance.member.port },
    ...{ weight: member.weight, sharePercent, priority: member.priority ?? 0 },
    ...{ state: status.state, reason: status.reason, breaker: record.breaker },
    ...{ sinceWallMs: wallOf(sinceMs, now), restoreAtWallMs: wallOf(restoreAtMs, now) },
    drain: status.state === 'draining' ? drainOf(core, pool, { member, record }, now) : null,
    check: instance.check === null ? null : core.checks.status(instance.check.key, now),
  };
}

function directReturnOf(
  core: BalancerCore,
  state: BalancerState,
  pool: PoolRuntime,
  member: string,
  now: Now,
): DirectReturnStatus[] {
  return state.directChecks(pool, member).flatMap(({ key, direct }) => {
    const status = core.checks.status(key, now);
    if (direct === undefined || status === null) return [];
    const { lastWallMs, lastFailure: failure } = status;
    return [{ listener: direct.listener, enforced: direct.enforce, lastWallMs, failure }];
  });
}

function drainOf(
  core: BalancerCore,
  pool: PoolRuntime,
  { member, record }: Pick<MemberReport, 'member' | 'record'>,
  now: Now,
): DrainStatus {
  const { member: configured } = pool.instances.get(member.name)!;
  return {
    by: core.administration.drains.has(pool.plan, configured.name) ? 'operator' : 'configuration',
    endsAtWallMs: wallOf(record.drainDeadlineMs, now),
    connections: core.loads.connections(pool, member.name),
  };
}
