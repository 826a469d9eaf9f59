import { describe, expect, it } from 'vitest';
import { readConfiguration } from '../../resources/core-form.js';
import { problemText } from '../../resources/problem.js';
import { type Change, changed, refusals } from '../../resources/resources.fixture.js';
import { writeConfiguration } from '../../resources/write.js';
import { lobbyDocument, probe } from './lobby.fixture.js';
import { readLobby } from './read.js';

const ENGINE = ['lb', 0];
const TARGET = [...ENGINE, 'targets', 0];
const GROUP = [...TARGET, 'upstream_group'];
const UPSTREAM = [...GROUP, 'upstreams', 1];
const CHECK = [...UPSTREAM, 'health_check'];

const refused = (...changes: Change[]) => refusals(() => readLobby(changed(lobbyDocument(), ...changes)));
function translate(...changes: Change[]) {
  const { configuration, notes } = readLobby(changed(lobbyDocument(), ...changes));
  const [loadBalancer] = configuration.loadBalancers;
  const listener = loadBalancer!.listeners[0]!;
  const pool = loadBalancer!.pools[0]!;
  return {
    configuration,
    loadBalancer: loadBalancer!,
    listener,
    pool,
    member: pool.members[1]!,
    notes: notes.map(problemText),
  };
}

describe('a file of Lobby', () => {
  it('LOB-02, LOB-09: is one load balancer; each target has its group', () => {
    const { loadBalancer, listener, pool } = translate();
    expect(loadBalancer).toMatchObject({ owner: 'local', name: 'lobby', frontEnd: 'lobby', addresses: [] });
    expect(listener).toMatchObject({ name: 'web', protocol: 'tcp', port: 8082, rules: [{ pool: 'web-group' }] });
    expect(pool).toMatchObject({ name: 'web-group', algorithm: 'round-robin', whenNoneHealthy: 'reject' });
    expect(refused([['lb', 1], { engine: 'nftables', targets: [] }])).toEqual([
      'lb[1].engine: "nftables" is refused, expected an engine that the file does not have yet: all targets of an engine stand in one entry',
    ]);
    expect(refused([[...ENGINE, 'engine'], 'ipvs'])).toEqual(['lb[0].engine: "ipvs" is refused, expected nftables']);
  });

  it('LOB-11, LOB-12: an upstream has its own port, and is not checked unless it says so', () => {
    const { pool } = translate();
    expect(pool.members[0]).toMatchObject({ host: '10.0.0.1', port: 8083, weight: 1, activeCheck: null });
    for (const empty of [null, {}]) expect(translate([CHECK, empty]).member.activeCheck).toBeNull();
    expect(refused([CHECK, []])).toHaveLength(1);
  });

  it('LOB-15: translates the source, unless the client address is kept', () => {
    expect(translate().listener.clientAddress).toBe('translate');
    expect(translate([[...TARGET, 'client_address'], 'keep']).listener.clientAddress).toBe('keep');
  });

  it('LOB-16, LOB-17, LOB-20, LOB-21: a check has its own protocol and port; one failure removes', () => {
    expect(translate().member.activeCheck).toEqual({
      ...{ type: 'tcp', port: 443, intervalMs: 10_000, timeoutMs: 2_000, rise: 3, fall: 1, startAvailable: true },
      ...{ http: null, tls: null, udp: null },
    });
    const bare = translate([CHECK, { probe }]).member.activeCheck;
    expect(bare).toMatchObject({ type: 'tcp', port: null, startAvailable: false });
    const [dns] = translate([['lb', 0, 'targets', 1, 'upstream_group', 'upstreams', 0, 'health_check'], { probe }])
      .loadBalancer.pools[1]!.members;
    expect(dns?.activeCheck).toMatchObject({ type: 'udp', udp: null });
  });

  it('LOB-25, LOB-26, LOB-27, LOB-60: a name has servers, a TTL, and one or all of its addresses', () => {
    const dns = [...GROUP, 'upstreams', 2, 'dns'];
    const resolution = (...changes: Change[]) => translate(...changes).pool.members[2]!.resolution;
    expect(resolution()).toEqual({ servers: ['192.0.2.53'], ttlMs: 300_000, members: 'one' });
    expect(resolution([dns, { ttl: 0 }])).toEqual({ servers: [], ttlMs: null, members: 'one' });
    expect(resolution([dns, { members: 'all' }])).toEqual({ servers: [], ttlMs: null, members: 'all' });
    for (const absent of [undefined, null, {}]) {
      expect(resolution([dns, absent])).toEqual({ servers: [], ttlMs: null, members: 'one' });
    }
  });

  it('LOB-31: notes that dns is ignored for a literal address', () => {
    expect(translate([[...UPSTREAM, 'dns'], { ttl: 5 }]).notes).toEqual([
      'lb[0].targets[0].upstream_group.upstreams[1].dns: is ignored: 10.0.0.2 is an address and no name',
    ]);
  });

  it('LOB-48: takes IPv6 everywhere', () => {
    const { listener, member } = translate(
      [
        [...TARGET, 'ip'],
        ['2001:db8::/64', '192.0.2.1'],
      ],
      [[...UPSTREAM, 'host'], 'fd00::2'],
    );
    expect([listener.addresses, member.host]).toEqual([['2001:db8::/64', '192.0.2.1'], 'fd00::2']);
  });

  it('LOB-49, LOB-50: knows udp and sctp, and asks what an sctp upstream is checked by', () => {
    expect(translate().loadBalancer.listeners[1]?.protocol).toBe('udp');
    expect(translate([[...TARGET, 'protocol'], 'sctp']).listener.protocol).toBe('sctp');
    expect(refused([[...TARGET, 'protocol'], 'sctp'], [CHECK, { probe }])).toEqual([
      'lb[0].targets[0].upstream_group.upstreams[1].health_check.protocol: missing, expected tcp, udp, http, https or tls: sctp itself is not checked',
    ]);
  });

  it('LOB-51: refuses http targets by name', () => {
    expect(refused([[...TARGET, 'protocol'], 'http'])).toEqual([
      'lb[0].targets[0].protocol: "http" is refused, expected tcp, udp or sctp: balancing single requests needs the proxy data path, which this version does not have',
    ]);
  });

  it.each([
    ['LOB-10', 'round-robin', 'round-robin'],
    ['LOB-52', 'random', 'random'],
    ['LOB-53', 'weighted', 'weighted-round-robin'],
    ['LOB-54', 'ip-src-hash-based', 'source-hash'],
    ['LOB-56', 'least-connections', 'least-connections'],
    ['L4-24', 'maglev', 'maglev'],
  ])('%s: distribution %s is %s', (_row, distribution, algorithm) => {
    expect(translate([[...GROUP, 'distribution'], distribution]).pool.algorithm).toBe(algorithm);
  });

  it('LOB-53: a weight is 1 to 100', () => {
    expect(translate([[...UPSTREAM, 'weight'], 100]).member.weight).toBe(100);
    for (const weight of [0, 101, -1, 1.5]) expect(refused([[...UPSTREAM, 'weight'], weight])).toHaveLength(1);
  });

  it('LOB-55: least-latency needs checks of all upstreams', () => {
    const checked = [0, 2].map((index): Change => [[...GROUP, 'upstreams', index, 'health_check'], { probe }]);
    const latency: Change = [[...GROUP, 'distribution'], 'least-latency'];
    expect(translate(latency, ...checked).pool.algorithm).toBe('least-latency');
    expect(refused(latency, checked[0]!)).toEqual([
      'lb[0].targets[0].upstream_group.upstreams[2].health_check: null is refused, expected a check: least-latency prefers what checks measure',
    ]);
  });

  it('LOB-57, LOB-58, LOB-59: checks by udp and http, and more than one failure', () => {
    const http = { method: 'HEAD', path: '/ready', host: 'www.example.org', statuses: [204, '301-302'] };
    const https = {
      protocol: 'https',
      port: 8443,
      probe: { ...probe, failure_count: 3 },
      http,
      tls: { verify: false },
    };
    expect(translate([CHECK, https]).member.activeCheck).toMatchObject({
      ...{ type: 'https', fall: 3, tls: { verify: false, serverName: null } },
      http: {
        ...http,
        statuses: [
          [204, 204],
          [301, 302],
        ],
      },
    });
    expect(translate([CHECK, { protocol: 'http', probe }]).member.activeCheck).toMatchObject({ http: { path: '/' } });
    const udp = { protocol: 'udp', probe, udp: { payload: 'PING', expect: { hex: '00ff' } } };
    expect(translate([CHECK, udp]).member.activeCheck).toMatchObject({
      udp: { payload: new TextEncoder().encode('PING'), expect: Uint8Array.of(0, 255) },
    });
    expect(refused([[...CHECK, 'http'], { path: '/' }])[0]).toMatch(
      /health_check.http: a map is refused, expected null/,
    );
  });

  it('LOB-63, LOB-68, LOB-69, LOB-73, LOB-74, LOB-75, LOB-78, LOB-79, LOB-80: what it calls missing', () => {
    const { listener, loadBalancer } = translate(
      [[...ENGINE, 'priority'], -90],
      [[...TARGET, 'mirror'], '192.0.2.99'],
      [[...TARGET, 'ip'], '192.0.2.0/28'],
      [[...TARGET, 'interface'], 'eth0'],
      [[...TARGET, 'rate_limit'], { new_connections: 100, connections: 5, connections_per_upstream: 3 }],
      [
        [...TARGET, 'allow'],
        ['10.0.0.0/8', 'fd00::/8'],
      ],
      [[...TARGET, 'block'], { list: 'org/acme/lists/bad' }],
      [
        [...TARGET, 'source_address'],
        ['10.0.0.9', 'fd00::9'],
      ],
      [[...TARGET, 'local'], true],
      [[...TARGET, 'timeouts'], { connect: 5, idle: 300, on_idle: 'reset' }],
    );
    expect(loadBalancer.chainPriority).toBe(-90);
    expect(listener).toMatchObject({
      ...{ mirror: '192.0.2.99', addresses: ['192.0.2.0/28'], interfaces: ['eth0'], localTraffic: true },
      limits: { connectionsPerSecond: 100, burst: 10, connections: 5, connectionsPerMember: 3 },
      allow: { kind: 'inline', prefixes: ['10.0.0.0/8', 'fd00::/8'] },
      block: { kind: 'track', track: 'org/acme/lists/bad' },
      sourceAddresses: ['10.0.0.9', 'fd00::9'],
      timeouts: { connectMs: 5_000, idleMs: 300_000, onIdle: 'reset' },
    });
  });

  it('has direct server return, persistence, passive checks, backups and drains in the same words', () => {
    const { listener, pool, member } = translate(
      [[...TARGET, 'mode'], 'dsr-l2'],
      [[...TARGET, 'acceleration'], 'auto'],
      [[...TARGET, 'port'], 80],
      [[...GROUP, 'upstreams', 0, 'port'], 80],
      [[...GROUP, 'persistence'], { ttl: 60 }],
      [[...GROUP, 'slow_start'], 30],
      [[...GROUP, 'drain_time'], 120],
      [[...GROUP, 'when_none_available'], 'open'],
      [[...UPSTREAM, 'backup'], true],
      [[...UPSTREAM, 'state'], 'draining'],
    );
    expect(listener).toMatchObject({ dataPath: 'dsr-l2', acceleration: 'auto', clientAddress: 'keep' });
    expect(pool).toMatchObject({ slowStartMs: 30_000, drainMs: 120_000, whenNoneHealthy: 'fail-open' });
    expect(pool.affinity).toEqual({ key: { fields: ['source-address'] }, ttlMs: 60_000, entriesMax: 65_536 });
    expect(member).toMatchObject({ priority: 1, admin: 'draining' });
    const passive: Change = [[...GROUP, 'passive_check'], { consecutive_failures: 5, ejection_time: 10 }];
    expect(translate(passive).pool.passiveCheck).toMatchObject({
      ...{ consecutiveFailures: 5, ejectionMs: 10_000, ejectionMsMax: 100_000, maxEjectionPercent: 50 },
    });
  });

  it('R13: an upstream may repeat its target’s protocol, and no other', () => {
    expect(refused([[...UPSTREAM, 'protocol'], 'tcp'])).toEqual([]);
    expect(refused([[...UPSTREAM, 'protocol'], 'udp'])).toEqual([
      'lb[0].targets[0].upstream_group.upstreams[1].protocol: "udp" is refused, expected tcp, as the target has it, or nothing',
    ]);
  });

  it('LOB-07: its effective configuration is one of the core form, and the same', () => {
    const { configuration } = translate();
    expect(readConfiguration(writeConfiguration(configuration)).configuration).toEqual(configuration);
  });
});

describe('what a file of Lobby must not say', () => {
  const other = ['lb', 0, 'targets', 1];

  it('LOB-04: four duplicates are refused; the same port of another protocol is not', () => {
    expect(refused([[...other, 'name'], 'web'])[0]).toMatch(/^lb\[0\].targets\[1\].name: "web" is refused/);
    expect(refused([[...other, 'upstream_group', 'name'], 'web-group'])[0]).toMatch(
      /^lb\[0\].targets\[1\].upstream_group.name: "web-group" is refused/,
    );
    expect(refused([[...other, 'upstream_group', 'upstreams', 0, 'name'], 'u1'])).toEqual([
      'lb[0].targets[1].upstream_group.upstreams[0].name: "u1" is refused, expected a name that no other upstream of the file has',
    ]);
    expect(refused([[...other, 'protocol'], 'tcp'], [[...other, 'port'], 8082])[0]).toMatch(
      /^lb\[0\].targets\[1\].port: "tcp 8082" is refused/,
    );
    expect(refused([[...TARGET, 'port'], 53])).toEqual([]);
  });

  it.each([
    [
      [...TARGET, 'port'],
      [1, 65_535],
      [0, 65_536, -1, 1.5, '80', null],
    ],
    [
      [...UPSTREAM, 'port'],
      [1, 65_535],
      [0, 65_536],
    ],
    [
      [...CHECK, 'port'],
      [1, 65_535],
      [0, 65_536],
    ],
    [
      [...CHECK, 'probe', 'check_interval'],
      [2, 65_535],
      [0, 65_536, 2.5],
    ],
    [
      [...CHECK, 'probe', 'success_count'],
      [1, 255],
      [0, 256],
    ],
    [
      [...CHECK, 'probe', 'failure_count'],
      [1, 255],
      [0, 256],
    ],
    [[...UPSTREAM, 'dns'], [{ ttl: 1 }], [{ ttl: -1 }, { ttl: 604_801 }]],
  ])('LOB-05: %j takes %j and refuses %j', (path, good, bad) => {
    for (const value of good) expect(refused([path, value])).toEqual([]);
    for (const value of bad) {
      const found = refused([path, value]);
      expect(found).toHaveLength(1);
      expect(found[0]).toMatch(/^lb\[0\].targets\[0\].* is refused, expected /);
    }
  });

  it('LOB-05: the timeout is 1 to 255 seconds and not longer than the interval', () => {
    const timeout = (value: number): Change => [[...CHECK, 'probe', 'timeout'], value];
    const interval: Change = [[...CHECK, 'probe', 'check_interval'], 65_535];
    for (const value of [1, 255]) expect(refused(interval, timeout(value))).toEqual([]);
    for (const value of [0, 256]) expect(refused(interval, timeout(value))).toHaveLength(1);
    expect(refused(timeout(10))).toEqual([]);
    expect(refused(timeout(11))).toEqual([
      'lb[0].targets[0].upstream_group.upstreams[1].health_check.probe.timeout: 11 is refused, expected at most the check_interval, 10 seconds',
    ]);
  });

  it('LOB-03, LOB-09: unknown keys, wrong types, missing fields and empty groups', () => {
    expect(refused([[...TARGET, 'prot'], 1])[0]).toMatch(
      /targets\[0\].prot: unknown key "prot", expected one of name, protocol/,
    );
    expect(refused([[...TARGET, 'upstream_group'], undefined])).toEqual([
      'lb[0].targets[0].upstream_group: missing, expected a map',
    ]);
    expect(refused([[...UPSTREAM, 'host'], undefined])[0]).toMatch(/upstreams\[1\].host: missing, expected text/);
    expect(refused([[...UPSTREAM, 'host'], ['10.0.0.1']])[0]).toMatch(/host: a list is refused, expected text/);
    expect(refused([[...UPSTREAM, 'host'], '10.0.0.256'])[0]).toMatch(
      /host: "10.0.0.256" is refused, expected an IPv4 or/,
    );
    expect(refused([[...GROUP, 'upstreams'], []])[0]).toMatch(
      /upstreams: a list is refused, expected at least 1 entries/,
    );
    expect(refused([[...GROUP, 'distribution'], 'fair'])[0]).toMatch(
      /distribution: "fair" is refused, expected one of round-robin/,
    );
    expect(refused([[...CHECK, 'probe', 'timeout'], undefined])[0]).toMatch(
      /probe.timeout: missing, expected a number/,
    );
    expect(refused([[...CHECK, 'protocol'], 'icmp'])[0]).toMatch(
      /health_check.protocol: "icmp" is refused, expected tcp, udp/,
    );
    expect(refused([[...TARGET, 'proxy_protocol'], 'v2'])[0]).toMatch(
      /targets\[0\].proxy_protocol: "v2" is refused, expected null/,
    );
    expect(refused([[...GROUP, 'persistence'], { clients_max: 0 }])[0]).toMatch(
      /persistence.clients_max: 0 is refused/,
    );
    expect(refused([[...TARGET, 'block'], ['10.0.0.1/8']])[0]).toMatch(
      /targets\[0\].block\[0\]: "10.0.0.1\/8" is refused/,
    );
    expect(refused([['lb'], []])).toEqual(['lb: a list is refused, expected at least 1 entries']);
    for (const value of [null, [], 'lb', { lb: null }]) expect(refusals(() => readLobby(value))).toHaveLength(1);
  });
});
