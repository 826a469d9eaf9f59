import type { BalancerStatus, MemberStatusReport, PoolStatus, ServiceStatus } from '@higgins/agent';
import { table } from '../../output.js';
import { ago, endpoint, percent, short, until } from './text.js';

/** The state of a balancer for people: what is in force, then services, members and names, then what is wrong. */
export function statusText(status: BalancerStatus): string {
  return [
    headText(status),
    servicesText(status.services),
    ...status.pools.map((pool) => poolText(pool, status)),
    namesText(status),
    status.warnings.map((warning) => `warning: ${warning}`).join('\n'),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

/** One line for each: configuration, kernel, connection tracking. */
export function headText({ configuration, kernel, conntrack, nowWallMs }: BalancerStatus): string {
  const { source, revision, appliedWallMs, refused, stale } = configuration;
  const lines = [
    `configuration  ${source}, revision ${revision}, applied ${ago(appliedWallMs, nowWallMs)}`,
    refused && `               REFUSED ${ago(refused.atWallMs, nowWallMs)}: ${refused.reason}`,
    stale && `               STALE for ${ago(stale.sinceWallMs, nowWallMs).replace(' ago', '')}: ${stale.reason}`,
    `kernel         ${kernel.phase}, generation ${kernel.generation}, verified ${ago(kernel.verifiedWallMs, nowWallMs)}`,
    kernel.failure && `               FAILED ${ago(kernel.failure.atWallMs, nowWallMs)}: ${kernel.failure.reason}`,
    conntrack &&
      `conntrack      ${conntrack.entries} of ${conntrack.entriesMax} (${percent(conntrack.entries, conntrack.entriesMax)})`,
  ];
  return lines.filter((line) => line !== null).join('\n');
}

function servicesText(services: readonly ServiceStatus[]): string {
  if (services.length === 0) return 'no services';
  const header = ['service', 'takes', 'path', 'pool', 'algorithm', 'failover', 'flows', 'bytes', 'refused'];
  const rows = services.map((service) => [
    `${service.loadBalancer}/${service.listener}`,
    takes(service),
    service.dataPath,
    service.pool,
    service.algorithm,
    service.failoverSafe ? 'safe' : 'not safe',
    short(service.totals.flows),
    short(service.totals.bytes),
    short(Object.values(service.refused).reduce((sum, count) => sum + count, 0)),
  ]);
  return table(header, rows);
}

/** What a service takes: `tcp 10.0.0.9:443 on eth0`. */
export function takes({ protocol, addresses, port, family, interfaces }: ServiceStatus): string {
  const where = addresses.length === 0 ? [family === 4 ? '*' : '[::]'] : addresses.map(bracketed);
  const on = interfaces.length === 0 ? '' : ` on ${interfaces.join(', ')}`;
  return `${protocol} ${where.map((address) => `${address}:${port}`).join(', ')}${on}`;
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

function poolText(pool: PoolStatus, status: BalancerStatus): string {
  const name = `pool ${pool.loadBalancer}/${pool.pool} IPv${pool.family}`;
  const title = `${name}: ${pool.mode}, ${pool.available} of ${pool.members.length} available`;
  const header = ['member', 'address', 'state', 'for', 'weight', 'slots', 'connections', 'checks', 'note'];
  return `${title}\n${table(
    header,
    pool.members.map((member) => memberCells(member, pool, status)),
  )}`;
}

function memberCells(member: MemberStatusReport, pool: PoolStatus, { services, nowWallMs }: BalancerStatus): string[] {
  const parts = services
    .filter(({ owner, loadBalancer, pool: name, family }) => {
      return owner === pool.owner && loadBalancer === pool.loadBalancer && name === pool.pool && family === pool.family;
    })
    .flatMap((service) => service.members.filter((one) => one.member === member.member));
  const [first] = parts;
  const connections = parts.reduce<number | null>((sum, part) => {
    return part.connections === null ? sum : (sum ?? 0) + part.connections;
  }, null);
  return [
    member.member,
    endpoint(member.address, member.port),
    member.state,
    ago(member.sinceWallMs, nowWallMs).replace(' ago', ''),
    member.sharePercent === 100 ? `${member.weight}` : `${member.weight} at ${member.sharePercent} %`,
    first === undefined ? '-' : percent(first.slots, first.slotsTotal),
    connections === null ? '-' : `${connections}`,
    checkText(member),
    noteText(member, nowWallMs),
  ];
}

function checkText({ check }: MemberStatusReport): string {
  if (check === null) return 'none';
  const latency = check.smoothedLatencyMs === null ? '' : ` ${check.smoothedLatencyMs.toFixed(1)} ms`;
  if (check.lastWallMs === null) return `${check.type}, not yet`;
  return check.run >= 0 ? `${check.type}${latency}` : `${check.type}, ${-check.run} failed in a row`;
}

function noteText(member: MemberStatusReport, nowWallMs: number): string {
  const { reason, restoreAtWallMs, drain, check, directReturn } = member;
  if (drain !== null) {
    const left = drain.connections === null ? '' : `${drain.connections} flows left`;
    const ends = drain.endsAtWallMs === null ? '' : `cut ${until(drain.endsAtWallMs, nowWallMs)}`;
    return [left, ends].filter((part) => part !== '').join(', ');
  }
  // What is found out about direct server return is told whether the member is held back for it or not.
  const setup = directReturn.flatMap(({ listener, failure }) => (failure === null ? [] : [`${listener}: ${failure}`]));
  if (reason === null) return setup.join(', ');
  if (reason === 'direct-return-failure') return `${reason}: ${setup.join(', ')}`;
  const failure = check?.lastFailure ?? null;
  const back = restoreAtWallMs === null ? '' : `, back ${until(restoreAtWallMs, nowWallMs)}`;
  return `${reason}${failure === null ? '' : `: ${failure}`}${back}`;
}

function namesText({ names, nowWallMs }: BalancerStatus): string {
  if (names.length === 0) return '';
  const header = ['name', 'addresses', 'confirmed', 'next', 'note'];
  const rows = names.map(({ host, addresses, resolvedWallMs, nextWallMs, failure }) => [
    host,
    addresses.join(' ') || '-',
    ago(resolvedWallMs, nowWallMs),
    until(nextWallMs, nowWallMs),
    failure ?? '',
  ]);
  return table(header, rows);
}
