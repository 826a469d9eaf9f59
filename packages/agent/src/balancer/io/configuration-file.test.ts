import { fileURLToPath } from 'node:url';
import { ConfigError } from '@higgins/service';
import { describe, expect, it } from 'vitest';
import { loadConfigurationFile, parseConfigurationFile } from './configuration-file.js';

const example = (name: string) => fileURLToPath(new URL(`../../../../../examples/lb/${name}`, import.meta.url));
const lines = (...text: string[]) => text.join('\n');

function refused(text: string): readonly string[] {
  try {
    parseConfigurationFile(text, 'lb.yaml');
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
}

describe('the examples', () => {
  it("LOB-06, LOB-01: Lobby's published sample is read unchanged", () => {
    const { configuration, notes } = loadConfigurationFile(example('lobby.yaml'));
    const [{ listeners, pools } = { listeners: [], pools: [] }] = configuration.loadBalancers;
    expect(notes).toEqual([]);
    expect(listeners.map(({ name, protocol, port }) => [name, protocol, port])).toEqual([
      ['target1', 'tcp', 8081],
      ['target2', 'tcp', 8082],
    ]);
    const members = pools.flatMap((pool) => pool.members);
    expect(members.map(({ name, host, port }) => `${name} ${host}:${port}`)).toEqual([
      't1upstream1 1.1.1.1:80',
      't1upstream2 1.1.1.2:80',
      't1upstream3 1.1.1.3:80',
      'lobby-test-server1 lobby-test.ipbuff.com:8081',
      'lobby-test-server2 lobby-test.ipbuff.com:8082',
      'lobby-test-server3 lobby-test.ipbuff.com:8083',
    ]);
    const checks = members.flatMap(({ activeCheck: check }) => (check === null || check === 'inherit' ? [] : [check]));
    expect(
      checks.map(({ port, rise, fall, timeoutMs, startAvailable }) => [port, rise, fall, timeoutMs, startAvailable]),
    ).toEqual([
      [80, 3, 1, 2_000, true],
      [443, 5, 1, 1_000, false],
      [8082, 3, 1, 1_000, true],
    ]);
    expect(members.map(({ resolution: { servers, ttlMs } }) => [servers.length, ttlMs]).slice(3)).toEqual([
      [0, null],
      [3, 300_000],
      [3, null],
    ]);
  });

  it("L4-14: the specification's three documents are read as they stand", () => {
    const { configuration, notes } = loadConfigurationFile(example('gateway-api.yaml'));
    expect(notes).toEqual([]);
    expect(configuration.loadBalancers).toMatchObject([
      { owner: 'acme-corp', name: 'acme-l4-gw', frontEnd: 'gateway-api' },
    ]);
  });

  it('the core form is read', () => {
    const { configuration, notes } = loadConfigurationFile(example('core.yaml'));
    expect(configuration.loadBalancers[0]?.listeners.map(({ name }) => name)).toEqual(['https', 'http3', 'dns']);
    expect(notes.map(({ line, path }) => [line, path])).toEqual([[15, 'loadBalancers[0].listeners[1].protocol']]);
  });
});

describe('what is refused', () => {
  it('LOB-03: is named with file, line, path, value and expectation, in the order of the file', () => {
    const text = lines(
      'lb:',
      '  - engine: nftables',
      '    targets:',
      '      - name: web',
      '        protocol: tcp',
      '        port: 80800',
      '        upstream_group:',
      '          name: g',
      '          distribution: fair',
      '          upstreams:',
      '            - name: a',
      '              host: 10.0.0.1',
      '              prt: 80',
    );
    expect(refused(text)).toEqual([
      'lb.yaml:6: lb[0].targets[0].port: 80800 is refused, expected at most 65535',
      'lb.yaml:9: lb[0].targets[0].upstream_group.distribution: "fair" is refused, expected one of round-robin, weighted, random, ip-src-hash-based, least-latency, least-connections, maglev',
      'lb.yaml:11: lb[0].targets[0].upstream_group.upstreams[0].port: missing, expected a number',
      expect.stringMatching(
        /^lb.yaml:13: .*upstreams\[0\].prt: unknown key "prt", expected one of name, protocol, host, port/,
      ),
    ]);
  });

  it('LOB-03: a rule of the model is told at its place in the file', () => {
    const upstream = (name: string, port: number) =>
      `            - { name: ${name}, host: 10.0.0.${port}, port: ${port} }`;
    const target = (name: string, member: string) => [
      `      - name: ${name}`,
      '        protocol: tcp',
      '        port: 80',
      '        upstream_group:',
      `          name: ${name}-group`,
      '          distribution: round-robin',
      '          upstreams:',
      member,
    ];
    const text = lines(
      'lb:',
      '  - engine: nftables',
      '    targets:',
      ...target('a', upstream('u', 1)),
      ...target('b', upstream('v', 256)),
    );
    expect(refused(text)).toEqual([
      'lb.yaml:14: lb[0].targets[1].port: "tcp 80" is refused, expected a protocol and port that no other listener has here; "a" has it',
      'lb.yaml:19: lb[0].targets[1].upstream_group.upstreams[0].host: "10.0.0.256" is refused, expected an IPv4 or IPv6 address or a host name',
    ]);
  });

  it('L4-15: a document of several is named by its line', () => {
    const text = lines(
      'apiVersion: gateway.networking.k8s.io/v1',
      'kind: Gateway',
      'metadata: { name: gw }',
      'spec: { gatewayClassName: higgins, listeners: [{ name: a, protocol: TCP, port: 80 }] }',
      '---',
      'apiVersion: networking.datum.net/v1alpha',
      'kind: L4LoadBalancerPolicy',
      'metadata: { name: p }',
      'spec:',
      '  targetRef: { group: gateway.networking.k8s.io, kind: Gateway, name: other }',
    );
    expect(refused(text)).toEqual([
      `lb.yaml:10: spec.targetRef.name: "other" is refused, expected the name of a Gateway in the policy's namespace`,
    ]);
  });

  it('LOB-03: malformed YAML, other documents and unreadable files', () => {
    expect(refused('lb: [')[0]).toMatch(/^lb.yaml:1: /);
    expect(refused('lb: *nothing')[0]).toMatch(/^lb.yaml: unresolved alias/);
    expect(refused('listen: 80')).toEqual([
      'lb.yaml: a map is refused, expected a map with one of lb, loadBalancers, apiVersion',
    ]);
    expect(refused('')).toEqual(['lb.yaml: missing, expected a map with one of lb, loadBalancers, apiVersion']);
    expect(refused('loadBalancers: []\n---\nlb: []')).toEqual([
      'lb.yaml: a map is refused, expected the end of the file',
    ]);
    expect(() => loadConfigurationFile('/nonexistent/lb.yaml')).toThrow(/lb.yaml: cannot be read/);
  });
});

describe('endpoints from elsewhere', () => {
  const endpoints = ['10.1.0.1', '10.1.0.2'].map((address, index) => ({
    ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' },
    metadata: {
      ...{ name: `a-${index}`, namespace: 'acme-corp' },
      labels: { 'kubernetes.io/service-name': 'compute-workload-a' },
    },
    ports: [{ port: 9090 }],
    endpoints: [{ addresses: [address] }],
  }));

  it('L4-66: serve a Gateway API file, and are nothing to the other forms', () => {
    const { configuration } = loadConfigurationFile(example('gateway-api.yaml'), { endpoints });
    const members = configuration.loadBalancers[0]?.pools[0]?.members ?? [];
    expect(members.map(({ host, port }) => `${host}:${port}`)).toEqual([
      '10.1.0.1:9090',
      '10.1.0.2:9090',
      'compute-workload-b.acme-corp:8080',
    ]);
    const lobby = loadConfigurationFile(example('lobby.yaml'));
    expect(loadConfigurationFile(example('lobby.yaml'), { endpoints })).toEqual(lobby);
  });
});
