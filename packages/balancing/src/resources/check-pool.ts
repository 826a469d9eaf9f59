import { affinity, affinityIsRedundant } from '../affinity.js';
import { checkKey } from '../flow-key.js';
import { healthSettings } from '../health/settings.js';
import { DNS_SERVERS_MAX, MEMBERS_MAX, PRIORITY_MAX, WEIGHT_MAX } from '../limits.js';
import { familyOf, isHostName, parseEndpoint } from './addresses.js';
import { checkActiveCheck } from './check-active.js';
import {
  checkBy,
  checkCount,
  checkName,
  checkPort,
  checkUnicast,
  checkUnique,
  checkWhole,
  checkWholeOrNull,
  under,
} from './check-values.js';
import { checkOf, healthOptionsOf } from './compile.js';
import type { Member, Pool, Resolution } from './model.js';
import { type ProblemPath, type Report, refusal, shown } from './problem.js';

const DAY_MS = 86_400_000;

/** Reports what is wrong with a pool on its own, and what is worth a note. */
export function checkPool(report: Report, note: Report, pool: Pool, checkTypes: readonly string[]): void {
  checkName(report, ['name'], pool.name);
  checkAffinity(report, note, pool);
  if (pool.activeCheck !== null) checkActiveCheck(under(report, 'activeCheck'), pool.activeCheck, checkTypes);
  checkBy(report, () => healthSettings({ ...healthOptionsOf(pool), active: null }), healthPath);
  checkWholeOrNull(report, ['drainMs'], pool.drainMs, 1_000, 7 * DAY_MS);
  checkProxyProtocol(report, pool);
  checkCount(report, ['members'], pool.members.length, MEMBERS_MAX, 'members');
  if (pool.tableSize !== null && pool.tableSize < pool.members.length) {
    report(['tableSize'], refusal(pool.tableSize, `at least the number of members, ${pool.members.length}`));
  }
  if (pool.algorithm === 'least-latency') checkLatencyIsKnown(report, pool);
  const members = under(report, 'members');
  checkUnique(members, pool.members, ({ name }) => name, ['name'], 'a name that no other member of the pool has');
  noteTwins(note, pool.members);
  for (const [index, member] of pool.members.entries()) {
    checkMember(under(members, index), under(note, 'members', index), member, checkTypes);
  }
}

function checkAffinity(report: Report, note: Report, { affinity: given, algorithm }: Pool): void {
  if (given === null) return;
  checkBy(
    report,
    () => affinity(given),
    (field) => ['affinity', field],
  );
  checkBy(
    report,
    () => checkKey(given.key),
    (field) => ['affinity', 'key', ...field.split('.').slice(-2)],
  );
  if (affinityIsRedundant(algorithm))
    note(['affinity'], `changes nothing: ${algorithm} keeps each client together itself`);
}

function checkProxyProtocol(report: Report, { proxyProtocol }: Pool): void {
  if (proxyProtocol === null) return;
  const reason = 'a PROXY protocol header needs the proxy data path, which this version does not have';
  report(['proxyProtocol'], refusal(proxyProtocol, `null: ${reason}`));
}

function checkLatencyIsKnown(report: Report, pool: Pool): void {
  for (const [index, member] of pool.members.entries()) {
    if (checkOf(pool, member) !== null) continue;
    report(['members', index, 'activeCheck'], refusal(null, 'a check: least-latency prefers what checks measure'));
  }
}

/** Two names for one server are allowed, but flows can't be told apart by them. */
function noteTwins(note: Report, members: readonly Member[]): void {
  const names = new Map<string, string>();
  for (const [index, { name, host, port }] of members.entries()) {
    const endpoint = `${host.toLowerCase()} port ${port}`;
    const twin = names.get(endpoint);
    if (twin === undefined) names.set(endpoint, name);
    else note(['members', index, 'host'], `${endpoint} is the member ${shown(twin)} too: their flows are cut together`);
  }
}

function checkMember(report: Report, note: Report, member: Member, checkTypes: readonly string[]): void {
  checkName(report, ['name'], member.name);
  checkPort(report, ['port'], member.port);
  checkWhole(report, ['weight'], member.weight, 0, WEIGHT_MAX);
  checkWhole(report, ['priority'], member.priority, 0, PRIORITY_MAX);
  if (member.activeCheck !== null && member.activeCheck !== 'inherit') {
    checkActiveCheck(under(report, 'activeCheck'), member.activeCheck, checkTypes);
  }
  const literal = familyOf(member.host) !== null;
  if (literal) checkUnicast(report, ['host'], member.host);
  else if (!isHostName(member.host)) report(['host'], refusal(member.host, 'an IPv4 or IPv6 address or a host name'));
  checkResolution(under(report, 'resolution'), member.resolution);
  if (literal && isGiven(member.resolution))
    note(['resolution'], `is ignored: ${member.host} is an address and no name`);
}

function checkResolution(report: Report, { servers, ttlMs }: Resolution): void {
  checkCount(report, ['servers'], servers.length, DNS_SERVERS_MAX, 'servers');
  for (const [index, server] of servers.entries()) {
    const endpoint = parseEndpoint(server);
    if (endpoint === null) report(['servers', index], refusal(server, 'an address, address:port or [address]:port'));
    else checkUnicast(report, ['servers', index], endpoint.address);
  }
  checkWholeOrNull(report, ['ttlMs'], ttlMs, 1_000, 7 * DAY_MS);
}

function isGiven({ servers, ttlMs, members }: Resolution): boolean {
  return servers.length > 0 || ttlMs !== null || members !== 'one';
}

/** `outlier.ejectionMs` is `passiveCheck.ejectionMs` in the model. */
function healthPath(field: string): ProblemPath {
  return field.split('.').map((key) => (key === 'outlier' ? 'passiveCheck' : key));
}
