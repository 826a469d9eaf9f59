import { describe, expect, it } from 'vitest';
import { readConfiguration } from '../../resources/core-form.js';
import { problemText } from '../../resources/problem.js';
import { type Change, changed, refusals } from '../../resources/resources.fixture.js';
import { writeConfiguration } from '../../resources/write.js';
import { specificationExample } from './gateway-api.fixture.js';
import { type GatewayOptions, readGatewayApi } from './read.js';

type Documents = readonly object[];

const example = (...changes: Change[]): Documents => changed(specificationExample(), ...changes);
const refused = (documents: Documents) => refusals(() => readGatewayApi(documents));
const changeRefused = (path: (string | number)[], value: unknown) => refused(example([path, value]));

function translate(documents: Documents, options: GatewayOptions = {}) {
  const { configuration, notes } = readGatewayApi(documents, options);
  const loadBalancer = configuration.loadBalancers[0]!;
  const { listeners, pools } = loadBalancer;
  return {
    configuration,
    loadBalancer,
    listeners,
    pools,
    listener: listeners[0]!,
    pool: pools[0]!,
    notes: notes.map(problemText),
  };
}

const GATEWAY = [0, 'spec'];
const ROUTE = [1, 'spec'];
const POLICY = [2, 'spec'];
const BACKEND = [...ROUTE, 'rules', 0, 'backendRefs', 0];

const service = (spec: object, namespace = 'acme-corp') => ({
  ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'compute-workload-a', namespace }, spec },
});
const slice = (name: string, rest: object, namespace = 'acme-corp') => ({
  ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' },
  metadata: { name, namespace, labels: { 'kubernetes.io/service-name': 'compute-workload-a' } },
  ports: [{ name: 'http', port: 9090, protocol: 'TCP' }],
  ...rest,
});
const endpoint = (address: string, conditions = {}) => ({ addresses: [address], conditions });

describe("the specification's example", () => {
  it('L4-14: is accepted as it stands, every field of it', () => {
    const { loadBalancer, listener, pool } = translate(example());
    expect(loadBalancer).toMatchObject({
      owner: 'acme-corp',
      name: 'acme-l4-gw',
      frontEnd: 'gateway-api',
      addresses: [],
    });
    expect(listener).toMatchObject({
      ...{ name: 'tcp-443', protocol: 'tcp', port: 443, dataPath: 'nat', clientAddress: 'keep' },
      limits: { connectionsPerMember: 10_000, connectionsPerSecond: 1_000 },
      timeouts: { connectMs: 5_000, idleMs: 300_000, onIdle: 'release', memberConnectMs: null },
    });
    expect(pool).toMatchObject({
      ...{ algorithm: 'least-connections', proxyProtocol: null, whenNoneHealthy: 'fail-open' },
      affinity: { key: { fields: ['source-address'] }, ttlMs: 3_600_000 },
      activeCheck: { type: 'tcp', intervalMs: 10_000, timeoutMs: 5_000, rise: 2, fall: 3, startAvailable: true },
      passiveCheck: { consecutiveFailures: 3, ejectionMs: 30_000, ejectionMsMax: 300_000, maxEjectionPercent: 50 },
    });
    expect(pool.members).toMatchObject([
      { name: 'compute-workload-a:8080', host: 'compute-workload-a.acme-corp', port: 8080, weight: 70 },
      { name: 'compute-workload-b:8080', host: 'compute-workload-b.acme-corp', port: 8080, weight: 30 },
    ]);
  });

  it('L4-11, L4-12: works in every version and class, and without a policy or a namespace', () => {
    for (const version of ['v1', 'v1beta1', 'v1alpha2']) {
      const apiVersion = `gateway.networking.k8s.io/${version}`;
      expect(refused(example([[0, 'apiVersion'], apiVersion], [[1, 'apiVersion'], apiVersion]))).toEqual([]);
    }
    expect(changeRefused([...GATEWAY, 'gatewayClassName'], 'higgins')).toEqual([]);
    const bare = example([[0, 'metadata'], { name: 'acme-l4-gw' }], [[1, 'metadata'], { name: 'r' }]).slice(0, 2);
    const { loadBalancer, pool, listener } = translate(bare);
    expect([loadBalancer.owner, pool.algorithm, pool.members[0]?.host]).toEqual([
      'local',
      'maglev',
      'compute-workload-a',
    ]);
    expect(pool).toMatchObject({ affinity: null, activeCheck: null, passiveCheck: null, whenNoneHealthy: 'fail-open' });
    expect(listener.limits).toEqual({
      connectionsPerMember: null,
      connectionsPerSecond: null,
      burst: 5,
      connections: null,
    });
  });

  it('LOB-07: its effective configuration is one of the core form, and the same', () => {
    const { configuration } = translate(example());
    expect(readConfiguration(writeConfiguration(configuration)).configuration).toEqual(configuration);
  });

  it('reads the items of a List', () => {
    const items = example();
    expect(translate([{ apiVersion: 'v1', kind: 'List', items }]).configuration).toEqual(
      translate(items).configuration,
    );
  });
});

describe('a policy', () => {
  const only = (spec: object) => {
    const targetRef = { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'acme-l4-gw' };
    return translate(example([POLICY, { targetRef, ...spec }]));
  };
  const { listener: plainListener, pool: plainPool } = only({});

  it.each([
    [{ algorithm: 'ip-hash' }, {}, { algorithm: 'source-hash' }],
    [
      { sessionPersistence: { enabled: true, ttl: '1m30s' } },
      {},
      { affinity: { ...{ key: { fields: ['source-address'] } }, ttlMs: 90_000, entriesMax: 65_536 } },
    ],
    [{ whenNoneHealthy: 'reject' }, {}, { whenNoneHealthy: 'reject' }],
    [{ slowStart: '30s' }, {}, { slowStartMs: 30_000 }],
    [{ drainTimeout: '2m' }, {}, { drainMs: 120_000 }],
    [{ timeouts: { idle: '1h' } }, { timeouts: { ...plainListener.timeouts, idleMs: 3_600_000 } }, {}],
    [{ timeouts: { onIdle: 'reset' } }, { timeouts: { ...plainListener.timeouts, onIdle: 'reset' } }, {}],
    [{ connectionLimits: { maxConnections: 7 } }, { limits: { ...plainListener.limits, connections: 7 } }, {}],
    [
      { clientAddress: 'translate', sourceAddresses: ['10.0.0.9'] },
      { clientAddress: 'translate', sourceAddresses: ['10.0.0.9'] },
      {},
    ],
    [{ allow: ['10.0.0.0/8'] }, { allow: { kind: 'inline', prefixes: ['10.0.0.0/8'] } }, {}],
    [{ block: { list: 'org/acme/lists/bad' } }, { block: { kind: 'track', track: 'org/acme/lists/bad' } }, {}],
  ])('L4-13: %j changes exactly its part', (spec, listenerPart, poolPart) => {
    const { listener, pool } = only(spec);
    expect(listener).toEqual({ ...plainListener, ...listenerPart });
    expect(pool).toEqual({ ...plainPool, ...poolPart });
  });

  it.each(['round-robin', 'least-connections', 'ip-hash', 'weighted-round-robin', 'random', 'maglev'])(
    'L4-18: knows the algorithm %s',
    (algorithm) => expect(changeRefused([...POLICY, 'algorithm'], algorithm)).toEqual([]),
  );

  it('L4-31, L4-32: checks by HTTP, HTTPS, UDP, TLS and what the operator registered', () => {
    const check = (activeHealthCheck: object, options: GatewayOptions = {}) =>
      translate(example([[...POLICY, 'activeHealthCheck'], activeHealthCheck]), options).pool.activeCheck;
    expect(check({ protocol: 'HTTP' })).toMatchObject({ type: 'http', http: { path: '/', statuses: [[200, 399]] } });
    const http = { path: '/ready', statuses: [200, '300-302'] };
    expect(check({ protocol: 'HTTPS', port: 8443, interval: '1s', http })).toMatchObject({
      ...{ type: 'https', port: 8443, intervalMs: 1_000, timeoutMs: 1_000, tls: { verify: true } },
      http: {
        path: '/ready',
        statuses: [
          [200, 200],
          [300, 302],
        ],
      },
    });
    expect(check({ protocol: 'UDP', udp: { payload: 'ping' } })).toMatchObject({ type: 'udp', udp: { expect: null } });
    expect(check({ protocol: 'TLS', unhealthyThreshold: 1 })).toMatchObject({ type: 'tls', fall: 1 });
    expect(check({ protocol: 'custom', type: 'redis' }, { checkTypes: ['redis'] })).toMatchObject({ type: 'redis' });
  });

  it('D23: for one listener wins over that of the gateway, and makes a pool of its own', () => {
    const listeners = [
      { name: 'tcp-443', protocol: 'TCP', port: 443 },
      { name: 'tcp-80', protocol: 'TCP', port: 80 },
    ];
    const narrowed = {
      ...specificationExample()[2]!,
      metadata: { name: 'narrow', namespace: 'acme-corp' },
      spec: {
        targetRef: { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'acme-l4-gw', sectionName: 'tcp-80' },
        algorithm: 'random',
      },
    };
    const { pools, listeners: translated } = translate([...example([[...GATEWAY, 'listeners'], listeners]), narrowed]);
    expect(pools.map(({ name, algorithm }) => [name, algorithm])).toEqual([
      ['TCPRoute/acme-backends', 'least-connections'],
      ['TCPRoute/acme-backends@tcp-80', 'random'],
    ]);
    expect(translated.map(({ rules, limits }) => [rules[0]?.pool, limits.connectionsPerSecond])).toEqual([
      ['TCPRoute/acme-backends', 1_000],
      ['TCPRoute/acme-backends@tcp-80', null],
    ]);
  });

  it('has direct server return, XDP and announcements', () => {
    const { listener, loadBalancer } = translate(
      example(
        [
          [...GATEWAY, 'addresses'],
          [{ value: '192.0.2.1' }, { type: 'IPAddress', value: '2001:db8::1' }],
        ],
        [[...GATEWAY, 'listeners', 0, 'port'], 8080],
        [
          POLICY,
          {
            targetRef: specificationExample()[2]!.spec.targetRef,
            ...{ dataPath: 'dsr-l3', acceleration: 'auto', announcement: { communities: ['65000:1'] } },
          },
        ],
      ),
    );
    expect(listener).toMatchObject({ dataPath: 'dsr-l3', acceleration: 'auto' });
    expect(loadBalancer.announcement).toEqual({ communities: ['65000:1'] });
    expect(loadBalancer.addresses).toEqual(['192.0.2.1', '2001:db8::1']);
  });
});

describe('routes', () => {
  const udpRoute = {
    ...{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'UDPRoute' },
    metadata: { name: 'acme-backends', namespace: 'acme-corp' },
    spec: { parentRefs: [{ name: 'acme-l4-gw' }], rules: [{ backendRefs: [{ name: 'ns', port: 53 }] }] },
  };
  const three = [
    { name: 'https', protocol: 'TCP', port: 443 },
    { name: 'http', protocol: 'TCP', port: 80 },
    { name: 'dns', protocol: 'UDP', port: 53 },
  ];

  it('L4-11, L4-28: TCP and UDP listeners work side by side, each with the routes of its protocol', () => {
    const { listeners, pools } = translate([...example([[...GATEWAY, 'listeners'], three]).slice(0, 2), udpRoute]);
    expect(listeners.map(({ name, protocol, rules }) => [name, protocol, rules[0]?.pool])).toEqual([
      ['https', 'tcp', 'TCPRoute/acme-backends'],
      ['http', 'tcp', 'TCPRoute/acme-backends'],
      ['dns', 'udp', 'UDPRoute/acme-backends'],
    ]);
    expect(pools).toHaveLength(2);
  });

  it('bind to one listener by name or port; a listener without a route is not served and noted', () => {
    for (const narrowed of [{ sectionName: 'http' }, { port: 80 }]) {
      const { listeners, notes } = translate(
        example([[...GATEWAY, 'listeners'], three], [[...ROUTE, 'parentRefs', 0], { name: 'acme-l4-gw', ...narrowed }]),
      );
      expect(listeners.map(({ name }) => name)).toEqual(['http']);
      expect(notes).toEqual([
        'spec.listeners[0]: "https" has no route: it is not served',
        'spec.listeners[2]: "dns" has no route: it is not served',
      ]);
    }
  });

  it('D12: weight 0 drains, and weights above those of the core are scaled', () => {
    const weights = (...given: number[]) =>
      translate(
        example([
          [...ROUTE, 'rules', 0, 'backendRefs'],
          given.map((weight, index) => ({ name: `b${index}`, port: 80, weight })),
        ]),
      ).pool.members.map(({ weight }) => weight);
    expect(weights(0, 1)).toEqual([0, 1]);
    expect(weights(1_000_000, 500_000, 1)).toEqual([65_535, 32_768, 1]);
  });

  it('of another namespace need to be let in by the listener', () => {
    const foreign = example(
      [[1, 'metadata', 'namespace'], 'other'],
      [[...ROUTE, 'parentRefs', 0, 'namespace'], 'acme-corp'],
    );
    expect(refused(foreign)).toEqual([
      'spec.parentRefs[0].name: "acme-l4-gw" is refused, expected a Gateway with a listener of TCP that allows routes of this kind and namespace',
    ]);
    const allowed = changed(foreign, [[...GATEWAY, 'listeners', 0, 'allowedRoutes'], { namespaces: { from: 'All' } }]);
    expect(translate(allowed).pool.name).toBe('TCPRoute/other/acme-backends');
  });
});

describe('backends', () => {
  const members = (documents: Documents, options: GatewayOptions = {}) =>
    translate(documents, options).pool.members.map(({ name, host, port, weight, admin }) =>
      [name, host, port, weight, admin].join(' '),
    );

  it('L4-06, L4-66: are addresses, names of the DNS, or addresses that are given for a name', () => {
    const mixed = example([[...BACKEND, 'name'], '10.0.0.7']);
    expect(members(mixed)).toEqual([
      '10.0.0.7:8080 10.0.0.7 8080 70 enabled',
      'compute-workload-b:8080 compute-workload-b.acme-corp 8080 30 enabled',
    ]);
    const backendAddresses = new Map([
      ['acme-corp/compute-workload-a', ['10.0.0.1', 'fd00::1']],
      ['compute-workload-b', ['10.0.0.2']],
    ]);
    expect(members(example(), { backendAddresses })).toEqual([
      'compute-workload-a/10.0.0.1:8080 10.0.0.1 8080 7 enabled',
      'compute-workload-a/[fd00::1]:8080 fd00::1 8080 7 enabled',
      'compute-workload-b/10.0.0.2:8080 10.0.0.2 8080 6 enabled',
    ]);
  });

  it('L4-66: are the endpoints of EndpointSlices; shares stay those of the backends', () => {
    const slices = [
      slice('one', { endpoints: [endpoint('10.1.0.1'), endpoint('10.1.0.2', { ready: true })] }),
      slice('two', {
        endpoints: [
          endpoint('10.1.0.3', { ready: false }),
          endpoint('10.1.0.4', { ready: false, serving: true, terminating: true }),
          endpoint('10.1.0.1'),
        ],
      }),
    ];
    const ports = [{ name: 'http', port: 8080, targetPort: 9090 }];
    const expected = [
      'compute-workload-a/10.1.0.1:9090 10.1.0.1 9090 7 enabled',
      'compute-workload-a/10.1.0.2:9090 10.1.0.2 9090 7 enabled',
      'compute-workload-a/10.1.0.3:9090 10.1.0.3 9090 7 disabled',
      'compute-workload-a/10.1.0.4:9090 10.1.0.4 9090 7 draining',
      'compute-workload-b:8080 compute-workload-b.acme-corp 8080 12 enabled',
    ];
    expect(members([...example(), service({ ports }), ...slices])).toEqual(expected);
    expect(members([...example(), ...slices])).toEqual(expected);
  });

  it('L4-66: a Service without endpoints has no member, and says so', () => {
    const { pool, notes } = translate([...example(), service({ ports: [{ port: 8080 }] })]);
    expect(pool.members).toHaveLength(1);
    expect(notes).toEqual(['spec.rules[0].backendRefs[0].name: "compute-workload-a" has no endpoint for TCP 8080']);
    const external = service({ type: 'ExternalName', externalName: 'a.example.org' });
    expect(members([...example(), external])[0]).toBe('compute-workload-a:8080 a.example.org 8080 70 enabled');
    expect(refused([...example(), service({ ports: [{ port: 80 }, { port: 8080, protocol: 'UDP' }] })])).toEqual([
      'spec.rules[0].backendRefs[0].port: 8080 is refused, expected a TCP port of the Service: 80',
    ]);
  });

  it('of another namespace need its ReferenceGrant', () => {
    const foreign = example([[...BACKEND, 'namespace'], 'shared']);
    expect(refused(foreign)).toEqual([
      'spec.rules[0].backendRefs[0].namespace: "shared" is refused, expected a namespace whose ReferenceGrant lets TCPRoute of "acme-corp" in',
    ]);
    const grant = (name: string) => ({
      ...{ apiVersion: 'gateway.networking.k8s.io/v1beta1', kind: 'ReferenceGrant' },
      metadata: { name: 'g', namespace: 'shared' },
      spec: {
        from: [{ group: 'gateway.networking.k8s.io', kind: 'TCPRoute', namespace: 'acme-corp' }],
        to: [{ group: '', kind: 'Service', name }],
      },
    });
    expect(members([...foreign, grant('compute-workload-a')])[0]).toBe(
      'shared/compute-workload-a:8080 compute-workload-a.shared 8080 70 enabled',
    );
    expect(refused([...foreign, grant('another')])).toHaveLength(1);
  });
});

describe('what documents must not say', () => {
  it.each([
    [[0, 'kind'], 'HTTPRoute', 'kind: "HTTPRoute" is refused, expected one of Gateway, TCPRoute, UDPRoute'],
    [
      [0, 'apiVersion'],
      'gateway.networking.k8s.io/v2',
      'apiVersion: "gateway.networking.k8s.io/v2" is refused, expected one of',
    ],
    [
      [2, 'apiVersion'],
      'networking.example/v1',
      'apiVersion: "networking.example/v1" is refused, expected networking.datum.net/v1alpha',
    ],
    [[0, 'metadata', 'name'], undefined, 'metadata.name: missing, expected text'],
    [
      [0, 'spec', 'color'],
      1,
      'spec.color: unknown key "color", expected one of gatewayClassName, addresses, listeners',
    ],
    [
      [...GATEWAY, 'gatewayClassName'],
      'nginx',
      'spec.gatewayClassName: "nginx" is refused, expected one of higgins, datum-cilium',
    ],
    [
      [...GATEWAY, 'addresses'],
      [{ type: 'Hostname', value: 'x' }],
      'spec.addresses[0].type: "Hostname" is refused, expected IPAddress',
    ],
    [[...GATEWAY, 'addresses'], [{ value: 'x' }], 'spec.addresses[0]: "x" is refused, expected an address'],
    [
      [...GATEWAY, 'listeners', 0, 'protocol'],
      'HTTPS',
      'spec.listeners[0].protocol: "HTTPS" is refused, expected one of TCP, UDP',
    ],
    [[...GATEWAY, 'listeners', 0, 'port'], 0, 'spec.listeners[0].port: 0 is refused, expected at least 1'],
    [[...GATEWAY, 'listeners', 0, 'port'], 65_536, 'spec.listeners[0].port: 65536 is refused, expected at most 65535'],
    [
      [...ROUTE, 'parentRefs', 0, 'name'],
      'other',
      'spec.parentRefs[0].name: "other" is refused, expected the name of a Gateway',
    ],
    [
      [...ROUTE, 'parentRefs', 0, 'group'],
      'x',
      'spec.parentRefs[0].group: "x" is refused, expected gateway.networking.k8s.io',
    ],
    [
      [...ROUTE, 'parentRefs', 0, 'sectionName'],
      'x',
      'spec.parentRefs[0].sectionName: "x" is refused, expected that of a listener',
    ],
    [
      [1, 'kind'],
      'UDPRoute',
      'spec.parentRefs[0].name: "acme-l4-gw" is refused, expected a Gateway with a listener of UDP',
    ],
    [[...ROUTE, 'rules'], [], 'spec.rules: a list is refused, expected'],
    [[...BACKEND, 'weight'], -1, 'spec.rules[0].backendRefs[0].weight: -1 is refused, expected at least 0'],
    [[...BACKEND, 'port'], undefined, 'spec.rules[0].backendRefs[0].port: missing, expected a number'],
    [[...BACKEND, 'kind'], 'Pod', 'spec.rules[0].backendRefs[0].kind: "Pod" is refused, expected Service'],
    [[...BACKEND, 'name'], 'a b', 'spec.rules[0].backendRefs[0].name: "a b.acme-corp" is refused, expected an IPv4'],
    [
      [...POLICY, 'targetRef', 'name'],
      'other',
      'spec.targetRef.name: "other" is refused, expected the name of a Gateway',
    ],
    [[...POLICY, 'targetRef', 'kind'], 'Service', 'spec.targetRef.kind: "Service" is refused, expected Gateway'],
    [
      [...POLICY, 'targetRef', 'sectionName'],
      'x',
      'spec.targetRef.sectionName: "x" is refused, expected the name of a listener',
    ],
    [
      [...POLICY, 'algorithm'],
      'fastest',
      'spec.algorithm: "fastest" is refused, expected one of round-robin, least-connections',
    ],
    [
      [...POLICY, 'sessionPersistence', 'type'],
      'cookie',
      'spec.sessionPersistence.type: "cookie" is refused, expected source-ip',
    ],
    [
      [...POLICY, 'activeHealthCheck', 'interval'],
      '10',
      'spec.activeHealthCheck.interval: "10" is refused, expected a duration such as',
    ],
    [
      [...POLICY, 'activeHealthCheck', 'timeout'],
      '11s',
      'spec.activeHealthCheck.timeout: 11000 is refused, expected at most the interval',
    ],
    [
      [...POLICY, 'activeHealthCheck', 'protocol'],
      'ICMP',
      'spec.activeHealthCheck.protocol: "ICMP" is refused, expected one of TCP',
    ],
    [
      [...POLICY, 'activeHealthCheck', 'protocol'],
      'custom',
      'spec.activeHealthCheck.type: missing, expected a type that the operator',
    ],
    [
      [...POLICY, 'activeHealthCheck', 'unhealthyThreshold'],
      0,
      'spec.activeHealthCheck.unhealthyThreshold: 0 is refused',
    ],
    [
      [...POLICY, 'passiveHealthCheck', 'maxEjectionPercent'],
      101,
      'spec.passiveHealthCheck.maxEjectionPercent: 101 is refused',
    ],
    [
      [...POLICY, 'connectionLimits', 'connectionRateLimit'],
      0,
      'spec.connectionLimits.connectionRateLimit: 0 is refused',
    ],
    [
      [...POLICY, 'connectionLimits', 'connectionRateLimit'],
      20_000,
      'spec.listeners: 20000 is refused, expected at most 10000',
    ],
    [
      [...POLICY, 'proxyProtocol', 'enabled'],
      true,
      'spec.proxyProtocol: "v2" is refused, expected null: a PROXY protocol header',
    ],
    [
      [...POLICY, 'timeouts', 'idle'],
      '1ms',
      'spec.timeouts.idle: 1 is refused, expected a whole number from 1000 to 432000000, in milli',
    ],
    [
      [...POLICY, 'timeouts', 'backendConnect'],
      '5s',
      'spec.timeouts.backendConnect: 5000 is refused, expected null: only the proxy',
    ],
    [
      [...POLICY, 'dataPath'],
      'proxy',
      'spec.dataPath: "proxy" is refused, expected nat, dsr-l2 or dsr-l3: this version has no',
    ],
  ])('L4-15: %j = %j', (path, value, expected) => {
    const found = changeRefused(path, value);
    expect(found).not.toHaveLength(0);
    expect(found[0]).toContain(expected);
  });

  it('L4-15: a second policy on the same target, and a second route on the same listener', () => {
    const [, route, policy] = specificationExample();
    const renamed = (document: object, name: string) => ({ ...document, metadata: { name, namespace: 'acme-corp' } });
    expect(refused([...example(), renamed(policy!, 'second')])).toEqual([
      'spec.targetRef: "acme-l4-gw" is refused, expected a target without a policy; "acme-l4-policy" has it',
    ]);
    expect(refused([...example(), renamed(route!, 'second')])).toEqual([
      'spec.parentRefs: "second" is refused, expected a listener without a route; TCPRoute "acme-backends" leads from "tcp-443"',
    ]);
    expect(refused([...example(), route!])[0]).toMatch(
      /metadata.name: "acme-backends" is refused, expected a name that no other TCPRoute/,
    );
  });

  it('D15: direct server return with a port change or passive checks', () => {
    expect(changeRefused([...POLICY, 'dataPath'], 'dsr-l2').join('\n')).toMatch(
      /spec.dataPath: "dsr-l2" is refused, expected nat: direct/,
    );
  });

  it('knows the document that a problem is in', () => {
    try {
      readGatewayApi(example([[...POLICY, 'timeouts', 'idle'], '1ms']));
    } catch (error) {
      expect(error).toMatchObject({ problems: [{ document: 2, path: ['spec', 'timeouts', 'idle'] }] });
    }
    expect.assertions(1);
  });
});
