import type { BalancerStatus, MemberStatusReport, ServiceStatus } from '@higgins/agent';

const NOW = 1_800_000_000_000;
const TOTALS = { packets: 4000, bytes: 1_200_000, flows: 90 };

/** One service of two members, one of them ejected; for tests of what people see. */
export function statusFixture(changes: Partial<BalancerStatus> = {}): BalancerStatus {
  return {
    node: 'lb-1',
    nowWallMs: NOW,
    startedWallMs: NOW - 60_000,
    configuration: { source: '/etc/lb.yaml', revision: 2, appliedWallMs: NOW - 5000, refused: null, stale: null },
    kernel: { phase: 'in-force', generation: 7, appliedWallMs: NOW - 1000, failure: null, verifiedWallMs: NOW - 500 },
    conntrack: { entries: 120, entriesMax: 1000 },
    services: [serviceFixture()],
    pools: [
      {
        ...{ owner: 'local', loadBalancer: 'web', pool: 'group', family: 4, algorithm: 'maglev' },
        ...{ mode: 'normal', available: 1 },
        members: [memberFixture('one', '10.0.0.1'), ejected(memberFixture('two', '10.0.0.2'))],
      },
    ],
    names: [],
    warnings: [],
    ...changes,
  };
}

export function serviceFixture(changes: Partial<ServiceStatus> = {}): ServiceStatus {
  const member = { slotsTotal: 4093, full: false, port: 8080 };
  return {
    ...{ id: 'web_http_4', owner: 'local', loadBalancer: 'web', listener: 'http', frontEnd: 'lobby' },
    ...{ family: 4, protocol: 'tcp', port: 80, addresses: ['10.9.9.9'], interfaces: [], dataPath: 'nat' },
    ...{ pool: 'group', algorithm: 'maglev', failoverSafe: true, seed: 7, totals: TOTALS },
    refused: { limit: 0, rate: 3, source: 0, none: 0 },
    ...{ connectionsPerSecond: 10, nodes: 1 },
    members: [
      { ...member, member: 'one', address: '10.0.0.1', slots: 4093, connections: 12, totals: TOTALS },
      { ...member, member: 'two', address: '10.0.0.2', slots: 0, connections: 0, totals: TOTALS },
    ],
    ...changes,
  };
}

function memberFixture(member: string, address: string): MemberStatusReport {
  const check = {
    type: 'tcp',
    run: 4,
    succeeded: 4,
    failed: 0,
    lastWallMs: NOW - 800,
    lastLatencyMs: 1.2,
    certificateEndsWallMs: null,
  };
  return {
    ...{ member, host: address, address, port: 8080, weight: 1, sharePercent: 100, priority: 0 },
    ...{ state: 'active', reason: null, sinceWallMs: NOW - 30_000, restoreAtWallMs: null, breaker: 'closed' },
    drain: null,
    check: { ...check, smoothedLatencyMs: 1.25, lastFailure: null },
    directReturn: [],
  };
}

function ejected(member: MemberStatusReport): MemberStatusReport {
  const check = member.check && { ...member.check, run: -3, lastFailure: 'refused\u001b[31m' };
  return { ...member, state: 'ejected', reason: 'active-check-failure', sharePercent: 0, check };
}
