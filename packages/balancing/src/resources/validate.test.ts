import { describe, expect, it } from 'vitest';
import { readConfiguration } from './core-form.js';
import { problemText } from './problem.js';
import { DEFAULT_QUOTAS } from './quotas.js';
import { type Change, changed, coreDocument, coreRefusals, refusals } from './resources.fixture.js';

const listener = (field: string[], value: unknown): Change => [['listeners', 0, ...field], value];
const pool = (field: (string | number)[], value: unknown): Change => [['pools', 0, ...field], value];
const member = (field: (string | number)[], value: unknown): Change => pool(['members', 0, ...field], value);
const check = (field: string[], value: unknown): Change => pool(['activeCheck', ...field], value);
const notesOf = (...changes: Change[]) => {
  const inside = changes.map(([path, value]): Change => [['loadBalancers', 0, ...path], value]);
  return readConfiguration(changed(coreDocument(), ...inside)).notes.map(problemText);
};

/** Each line: what is changed, and the one refusal that this leads to. */
const BAD: readonly [Change | readonly Change[], string][] = [
  [[['name'], '.web'], 'name: ".web" is refused, expected 1 to 128 characters, no control characters, no dot in front'],
  [[['seed'], 2 ** 32], 'seed: 4294967296 is refused, expected a whole number from 0 to 4294967295'],
  [[['chainPriority'], -200], 'chainPriority: -200 is refused, expected a whole number from -199 to 1000'],
  [[['addresses'], ['192.0.2.300']], 'addresses[0]: "192.0.2.300" is refused, expected an address, a prefix'],
  [[['addresses'], ['192.0.2.9-192.0.2.1']], 'addresses[0]: "192.0.2.9-192.0.2.1" is refused, expected an address'],
  [[['announcement'], { communities: ['65536:1'] }], 'announcement.communities[0]: "65536:1" is refused, expected asn'],
  [
    [
      [['addresses'], []],
      [['announcement'], {}],
    ],
    'announcement: a map is refused, expected null: without addresses none can be announced',
  ],
  [listener(['name'], 'dns'), 'listeners[1].name: "dns" is refused, expected a name that no other listener has'],
  [listener(['port'], 0), 'listeners[0].port: 0 is refused, expected a whole number from 1 to 65535'],
  [listener(['port'], 65_536), 'listeners[0].port: 65536 is refused, expected a whole number from 1 to 65535'],
  [listener(['port'], 1.5), 'listeners[0].port: 1.5 is refused, expected a whole number from 1 to 65535'],
  [
    listener(['addresses'], ['192.0.2.11']),
    'listeners[0].addresses[0]: "192.0.2.11" is refused, expected one of the load',
  ],
  [listener(['interfaces'], ['a b']), 'listeners[0].interfaces[0]: "a b" is refused, expected an interface name'],
  [listener(['rules'], []), 'listeners[0].rules: "0 rules" is refused, expected exactly one'],
  [listener(['rules'], [{ pool: 'x' }]), 'listeners[0].rules[0].pool: "x" is refused, expected the name of one of'],
  [
    listener(['dataPath'], 'proxy'),
    'listeners[0].dataPath: "proxy" is refused, expected nat, dsr-l2 or dsr-l3: this version',
  ],
  [listener(['acceleration'], 'require'), 'listeners[0].acceleration: "require" is refused, expected off or auto'],
  [listener(['limits'], { connectionsPerMember: 0 }), 'listeners[0].limits.connectionsPerMember: 0 is refused'],
  [listener(['limits'], { connectionsPerSecond: 0.5 }), 'listeners[0].limits.connectionsPerSecond: 0.5 is refused'],
  [
    listener(['timeouts'], { idleMs: 10 }),
    'listeners[0].timeouts.idleMs: 10 is refused, expected a whole number from 1000',
  ],
  [
    listener(['timeouts'], { memberConnectMs: 9 }),
    'listeners[0].timeouts.memberConnectMs: 9 is refused, expected null: only',
  ],
  [
    [['listeners', 1, 'timeouts'], { onIdle: 'reset' }],
    'listeners[1].timeouts.onIdle: "reset" is refused, expected release',
  ],
  [
    listener(['sourceAddresses'], ['10.0.0.1']),
    'listeners[0].sourceAddresses: "10.0.0.1" is refused, expected none while',
  ],
  [
    [listener(['clientAddress'], 'translate'), listener(['sourceAddresses'], ['10.0.0.1', '10.0.0.2'])],
    'listeners[0].sourceAddresses[1]: "IPv4" is refused, expected one address per family',
  ],
  [listener(['mirror'], '239.0.0.1'), 'listeners[0].mirror: "239.0.0.1" is refused, expected an address of a host'],
  [
    listener(['allow'], { kind: 'inline', prefixes: ['10.0.0.1/8'] }),
    'listeners[0].allow.prefixes[0]: "10.0.0.1/8" is refused, expected no bits behind the prefix length',
  ],
  [
    listener(['block'], { kind: 'track', track: 'org/acme/health/x' }),
    'listeners[0].block.track: "org/acme/health/x" is',
  ],
  [
    pool(['affinity'], { ttlMs: 1 }),
    'pools[0].affinity.ttlMs: 1 is refused, expected a whole number from 1000 to 86400000',
  ],
  [pool(['tableSize'], 4094), 'pools[0].tableSize: 4094 is refused, expected one of 251, 509'],
  [pool(['slowStartMs'], -1), 'pools[0].slowStartMs: -1 is refused, expected a whole number from 0 to 3600000'],
  [pool(['panicPercent'], 101), 'pools[0].panicPercent: 101 is refused, expected a whole number from 0 to 100'],
  [pool(['drainMs'], 5), 'pools[0].drainMs: 5 is refused, expected a whole number from 1000'],
  [pool(['passiveCheck'], { maxEjectionPercent: 101 }), 'pools[0].passiveCheck.maxEjectionPercent: 101 is refused'],
  [pool(['passiveCheck'], { halfOpen: { successes: 0 } }), 'pools[0].passiveCheck.halfOpen.successes: 0 is refused'],
  [
    pool(['proxyProtocol'], 'v2'),
    'pools[0].proxyProtocol: "v2" is refused, expected null: a PROXY protocol header needs',
  ],
  [
    [pool(['algorithm'], 'least-latency'), pool(['members', 1, 'activeCheck'], null)],
    'pools[0].members[1].activeCheck: null is refused, expected a check: least-latency prefers what checks measure',
  ],
  [member(['name'], ''), 'pools[0].members[0].name: "" is refused, expected 1 to 253 characters'],
  [member(['name'], 'b'), 'pools[0].members[1].name: "b" is refused, expected a name that no other member'],
  [member(['weight'], -1), 'pools[0].members[0].weight: -1 is refused, expected a whole number from 0 to 65535'],
  [member(['weight'], 65_536), 'pools[0].members[0].weight: 65536 is refused, expected a whole number from 0 to 65535'],
  [member(['priority'], 256), 'pools[0].members[0].priority: 256 is refused, expected a whole number from 0 to 255'],
  [member(['port'], 0), 'pools[0].members[0].port: 0 is refused, expected a whole number from 1 to 65535'],
  ...['10.0.0.300', '1.2.3', 'a b', '-a.example', '', 'fe80::1%eth0', `${'a'.repeat(64)}.example`].map(
    (host): [Change, string] => [
      member(['host'], host),
      `pools[0].members[0].host: "${host.length > 64 ? `${'a'.repeat(63)}…` : host}" is refused, expected an IPv4`,
    ],
  ),
  [member(['host'], '0.0.0.0'), 'pools[0].members[0].host: "0.0.0.0" is refused, expected an address of a host'],
  [
    member(['resolution'], { servers: ['ns'] }),
    'pools[0].members[0].resolution.servers[0]: "ns" is refused, expected an',
  ],
  [
    member(['resolution'], { ttlMs: 999 }),
    'pools[0].members[0].resolution.ttlMs: 999 is refused, expected a whole number',
  ],
  [
    check(['type'], 'redis'),
    'pools[0].activeCheck.type: "redis" is refused, expected tcp, udp, http, https, tls, or a type',
  ],
  [check(['port'], 0), 'pools[0].activeCheck.port: 0 is refused'],
  [
    check(['intervalMs'], 99),
    'pools[0].activeCheck.intervalMs: 99 is refused, expected a whole number from 100 to 65535000',
  ],
  [check(['timeoutMs'], 255_001), 'pools[0].activeCheck.timeoutMs: 255001 is refused, expected a whole number from 1'],
  [
    check(['timeoutMs'], 10_001),
    'pools[0].activeCheck.timeoutMs: 10001 is refused, expected at most the interval, 10000',
  ],
  [check(['rise'], 0), 'pools[0].activeCheck.rise: 0 is refused, expected a whole number from 1 to 255'],
  [check(['fall'], 256), 'pools[0].activeCheck.fall: 256 is refused, expected a whole number from 1 to 255'],
  [check(['tls'], {}), 'pools[0].activeCheck.tls: a map is refused, expected null: only https and tls have it'],
  [check(['udp'], { payload: 'x' }), 'pools[0].activeCheck.udp: a map is refused, expected null: tcp is not udp'],
  [pool(['activeCheck'], { type: 'http', http: { path: 'x' } }), 'pools[0].activeCheck.http.path: "x" is refused'],
  [pool(['activeCheck'], { type: 'http', http: { host: 'a\r\nb' } }), 'pools[0].activeCheck.http.host: "a'],
  [
    pool(['activeCheck'], { type: 'http', http: { statuses: [[300, 200]] } }),
    'pools[0].activeCheck.http.statuses[0]: "300 to 200" is refused, expected codes from 100 to 599',
  ],
  [
    pool(['activeCheck'], { type: 'udp', udp: { payload: { hex: '0' } } }),
    'pools[0].activeCheck.udp.payload.hex: "0" is refused, expected pairs of hexadecimal digits',
  ],
  [
    pool(['activeCheck'], { type: 'udp', udp: { payload: 'x'.repeat(1_201) } }),
    'pools[0].activeCheck.udp.payload: "1201 bytes" is refused, expected at most 1200 bytes',
  ],
];

describe('validation', () => {
  it('accepts the configuration that the refusals start from, and says nothing about it', () => {
    expect(coreRefusals([])).toEqual([]);
    expect(notesOf()).toEqual([]);
  });

  it.each(BAD)('L4-15: refuses %j by name', (change, expected) => {
    const changes = (Array.isArray(change[0]?.[0]) ? change : [change]) as readonly Change[];
    const found = coreRefusals(changes);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(expected);
  });

  it('accepts the bounds themselves', () => {
    const bounds: Change[] = [
      [['seed'], 0xffff_ffff],
      [['chainPriority'], -199],
      [['name'], 'x'.repeat(128)],
      listener(['port'], 65_535),
      member(['weight'], 65_535),
      member(['priority'], 255),
      member(['host'], 'xn--bcher-kva.example.'),
      member(['resolution'], { servers: ['[2001:db8::53]:5353', '192.0.2.53:53', '2001:db8::53'], ttlMs: 1_000 }),
      check(['intervalMs'], 100),
      check(['timeoutMs'], 100),
      check(['rise'], 255),
    ];
    for (const change of bounds) expect(coreRefusals([change])).toEqual([]);
  });

  it('knows the check types that the operator registered', () => {
    expect(coreRefusals([check(['type'], 'redis')], { checkTypes: ['redis'] })).toEqual([]);
  });

  it('D15: refuses what direct server return cannot do, with the reason', () => {
    const direct = listener(['dataPath'], 'dsr-l2');
    expect(coreRefusals([direct])).toEqual([]);
    const refused = (...changes: Change[]) => coreRefusals([direct, ...changes]).join('\n');
    expect(refused(member(['port'], 8443))).toMatch(/nat: direct server return rewrites no port, and "a" has 8443/);
    expect(refused(pool(['passiveCheck'], {}))).toMatch(/sees no replies, which the passive check of "servers" counts/);
    expect(refused(pool(['algorithm'], 'least-connections'))).toMatch(/tracks no connections/);
    expect(refused(listener(['clientAddress'], 'translate'))).toMatch(
      /expected keep: nothing is rewritten with dsr-l2/,
    );
    expect(refused(listener(['limits'], { connections: 5 }))).toMatch(/limits.connections: 5 is refused/);
    expect(refused(listener(['timeouts'], { connectMs: 5_000 }))).toMatch(/timeouts.connectMs: 5000 is refused/);
    expect(refused(listener(['mirror'], '10.0.0.99'))).toMatch(
      /mirror: "10.0.0.99" is refused, expected null: packets leave/,
    );
    expect(coreRefusals([listener(['dataPath'], 'dsr-l3'), listener(['mirror'], '10.0.0.99')])).toEqual([]);
    expect(refused(listener(['localTraffic'], true))).toMatch(/only packets that the node receives are forwarded/);
  });

  it('LOB-75: refuses lists of the bus where packets would pass them by', () => {
    const list = { kind: 'track', track: 'org/acme/lists/blocked' };
    const refused = (...changes: Change[]) => coreRefusals([listener(['block'], list), ...changes]).join('\n');
    expect(refused(listener(['dataPath'], 'dsr-l3'))).toBe('');
    expect(refused(listener(['dataPath'], 'dsr-l2'))).toMatch(
      /block.kind: "track" is refused, expected inline: packets leave before lists of the bus are looked up with dsr-l2/,
    );
    expect(refused(listener(['dataPath'], 'dsr-l3'), listener(['acceleration'], 'require'))).toMatch(
      /acceleration: "require" is refused, expected off or auto: XDP does not look up lists of the bus/,
    );
  });

  it('LOB-71, LOB-72: refuses members and services of different families by name', () => {
    const service = (...addresses: string[]): Change => [['addresses'], addresses];
    const hosts = (...all: string[]): Change =>
      pool(
        ['members'],
        all.map((host, index) => ({ name: `m${index}`, host, port: 443 })),
      );
    const refused = (...changes: Change[]) => coreRefusals([...changes]);
    expect(refused(service('192.0.2.10'), hosts('10.0.0.1', 'fd00::1'))).toEqual([
      'pools[0].members[1].host: "fd00::1" is refused, expected an IPv4 address as the service has: only a proxy data path translates between families, and this version does not have it',
    ]);
    expect(
      refused(service('2001:db8::10'), hosts('servers.example.org'), [['pools', 1, 'members', 0, 'host'], 'fd00::53']),
    ).toEqual([]);
    expect(refused(service(), hosts('10.0.0.1', 'fd00::1'))).toEqual([]);
    expect(refused(service(), hosts('10.0.0.1'))).toEqual([]);
    expect(refused(hosts('10.0.0.1'), listener(['addresses'], ['2001:db8::10'])).join('\n')).toMatch(
      /listeners\[0\].addresses: "IPv6" is refused, expected IPv4 as the members have/,
    );
    expect(notesOf(hosts('10.0.0.1'))).toContain(
      'loadBalancers[0].listeners[0].addresses: no member of "servers" has an IPv6 address',
    );
  });

  it('LOB-68, LOB-69: one protocol and port may be claimed twice if neither address nor interface is the same', () => {
    const twice = (first: object, second: object, addresses: string[] = []) =>
      coreRefusals([
        [['addresses'], addresses],
        [['listeners', 0], { name: 'a', protocol: 'tcp', port: 80, rules: [{ pool: 'servers' }], ...first }],
        [['listeners', 1], { name: 'b', protocol: 'tcp', port: 80, rules: [{ pool: 'resolvers' }], ...second }],
      ]);
    const collision = [expect.stringMatching(/listeners\[1\].port: "tcp 80" is refused, .* "a" has it/)];
    expect(twice({}, {})).toEqual(collision);
    expect(twice({}, { protocol: 'udp' })).toEqual([]);
    expect(twice({ addresses: ['10.0.0.1'] }, {})).toEqual(collision);
    expect(twice({ addresses: ['10.0.0.0/24'] }, { addresses: ['10.0.1.0/24'] })).toEqual([]);
    expect(twice({ addresses: ['10.0.0.0/24'] }, { addresses: ['10.0.0.250-10.0.1.7'] })).toEqual(collision);
    expect(twice({ interfaces: ['eth0'] }, { interfaces: ['eth1'] })).toEqual([]);
    expect(twice({ interfaces: ['eth0'] }, {})).toEqual(collision);
  });

  it('refuses a listener of another load balancer of the node that claims the same', () => {
    const document = coreDocument();
    const other = {
      ...document.loadBalancers[0]!,
      name: 'other',
      listeners: document.loadBalancers[0]!.listeners.slice(0, 1),
    };
    const refused = refusals(() => readConfiguration({ loadBalancers: [...document.loadBalancers, other] }));
    expect(refused).toEqual([expect.stringContaining('loadBalancers[1].listeners[0].port: "tcp 443" is refused')]);
  });

  it('D18: holds an organisation to its quotas and names limit and use, and the host itself to none', () => {
    const base = coreDocument().loadBalancers[0]!;
    const member = (index: number) => ({ name: `m${index}`, host: `10.1.${index >> 8}.${index & 255}`, port: 443 });
    const large = {
      ...base,
      pools: [{ ...base.pools[0]!, members: Array.from({ length: 161 }, (_, i) => member(i)) }, base.pools[1]!],
    };
    const rate = {
      ...base,
      listeners: base.listeners.map((own) => ({ ...own, limits: { connectionsPerSecond: 6_000 } })),
    };
    const read = (loadBalancer: object) => refusals(() => readConfiguration({ loadBalancers: [loadBalancer] }));
    expect(read(large)).toEqual([]);
    expect(read({ ...large, owner: 'acme' })).toEqual([
      'loadBalancers[0].pools[0].members: 161 is refused, expected at most 160 members, the quota of acme',
    ]);
    expect(read({ ...rate, owner: 'acme' })).toEqual([
      'loadBalancers[0].listeners: 12000 is refused, expected at most 10000 new connections per second, the quota of acme',
    ]);
    const many = Array.from({ length: 21 }, (_, index) => ({
      ...base,
      owner: 'acme',
      name: `lb${index}`,
      addresses: [`10.9.0.${index + 1}`],
    }));
    expect(refusals(() => readConfiguration({ loadBalancers: many }))).toEqual([
      'loadBalancers[20]: 21 is refused, expected at most 20 load balancers, the quota of acme',
    ]);
    const generous = { quotasOf: () => ({ ...DEFAULT_QUOTAS, loadBalancers: 21 }) };
    expect(refusals(() => readConfiguration({ loadBalancers: many }, generous))).toEqual([]);
  });

  it('notes what changes nothing', () => {
    expect(notesOf(member(['resolution'], { ttlMs: 5_000 }))).toEqual([
      'loadBalancers[0].pools[0].members[0].resolution: is ignored: 10.0.0.11 is an address and no name',
    ]);
    expect(notesOf(pool(['algorithm'], 'source-hash'), pool(['affinity'], {}))[0]).toMatch(/affinity: changes nothing/);
    expect(notesOf([['pools', 1, 'passiveCheck'], {}])[0]).toMatch(
      /passive checks of resolvers see connections of TCP only/,
    );
    expect(notesOf(member(['host'], '10.0.0.12'))[0]).toMatch(
      /members\[1\].host: 10.0.0.12 port 443 is the member "a" too/,
    );
    expect(notesOf(listener(['acceleration'], 'auto'))[0]).toMatch(
      /acceleration: changes nothing: only direct server return/,
    );
    expect(notesOf([['listeners', 1, 'rules', 0, 'pool'], 'servers'])[0]).toMatch(/pools\[1\]: serves nothing/);
  });
});
