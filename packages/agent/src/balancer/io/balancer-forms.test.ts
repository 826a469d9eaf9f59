import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Netlink } from '@higgins/netlink';
import { createLogger } from '@higgins/service';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { BalancerLab, MEMBER_PORT, MEMBERS } from '../../../../../test/support/balancer-lab.js';
import { shell } from '../../../../../test/support/lab.js';
import { describeInNamespace } from '../../../../../test/support/namespace.js';
import { until } from '../../../../../test/support/until.js';
import { type Balancer, startBalancer } from './balancer.js';

const SAMPLE = fileURLToPath(new URL('../../../../../examples/lb/lobby.yaml', import.meta.url));
const VIP = '10.9.0.9';
/** One of the node's own addresses, as clients know it. */
const HOST = '10.1.0.1';
const [A, B, C, D] = MEMBERS[4];
const API = 'gateway.networking.k8s.io/v1';

await describeInNamespace('balancer, files of other forms', import.meta.filename, ['network'], () => {
  let lab: BalancerLab;
  let directory: string;
  let balancer: Balancer;

  beforeAll(async () => {
    lab = await BalancerLab.create();
  });

  beforeEach(async () => {
    await lab.reset();
    await new Netlink().deleteFlows({});
    directory = mkdtempSync(join(tmpdir(), 'higgins-forms-'));
  });

  afterEach(async () => {
    await balancer[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  });

  afterAll(() => lab[Symbol.asyncDispose]());

  it('L4-11, L4-28: TCP 443, TCP 80 and UDP 53 of one Gateway are answered side by side', async () => {
    const listeners = [
      { name: 'https', protocol: 'TCP', port: 443 },
      { name: 'http', protocol: 'TCP', port: 80 },
      { name: 'dns', protocol: 'UDP', port: 53 },
    ];
    const routes = [route('TCPRoute', [A], 'https'), route('TCPRoute', [B], 'http'), route('UDPRoute', [C], 'dns')];
    await start([gateway(listeners), ...routes]);
    expect(await connect(3, 443)).toEqual([A, A, A]);
    expect(await connect(3, 80)).toEqual([B, B, B]);
    expect(await lab.clients.call('exchange', { address: VIP, port: 53 })).toMatchObject({ name: C });
  });

  it.each([
    ['maglev', (names: string[]) => new Set(names).size === 3],
    ['random', (names: string[]) => new Set(names).size === 3],
    ['round-robin', (names: string[]) => [A, B, C].every((name) => count(names, name) === 20)],
    ['weighted-round-robin', (names: string[]) => [A, B, C].every((name) => count(names, name) === 20)],
    ['least-connections', (names: string[]) => [A, B, C].every((name) => count(names, name) > 10)],
    ['ip-hash', (names: string[]) => new Set(names).size === 1],
  ])('L4-18: the algorithm %s does in the kernel what it says', async (algorithm, holds) => {
    await start([gateway(HTTP), route('TCPRoute', [A, B, C], 'http'), policy({ algorithm })]);
    const names = await connect(60, 80);
    expect(names).not.toContain('ECONNREFUSED');
    expect(names).toSatisfy(holds);
  });

  it('L4-06, L4-66: addresses and a Service whose instances start and stop serve in one pool', async () => {
    const endpoints = join(directory, 'endpoints');
    mkdirSync(endpoints);
    const slice = (addresses: readonly string[]) => {
      const labels = { 'kubernetes.io/service-name': 'workload' };
      const document = {
        ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' },
        metadata: { name: 'workload-1', namespace: 'acme', labels },
        ports: [{ port: MEMBER_PORT, protocol: 'TCP' }],
        endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
      };
      writeFileSync(join(directory, 'slice'), JSON.stringify(document));
      renameSync(join(directory, 'slice'), join(endpoints, 'workload.json'));
    };
    slice([B]);
    await start([gateway(HTTP), route('TCPRoute', [A, 'workload'], 'http')], endpoints);
    const serve = async (...members: string[]) => {
      await until(async () => new Set(await connect(40, 80)).symmetricDifference(new Set(members)).size === 0);
    };
    await serve(A, B);
    slice([B, C, D]);
    await serve(A, B, C, D);
    slice([D]);
    await serve(A, D);
    const table = execFileSync('nft', ['list', 'ruleset'], { encoding: 'utf8', maxBuffer: 64 << 20 });
    expect([A, B, C, D].filter((address) => table.includes(`dnat ip to ${address}:${MEMBER_PORT}`))).toEqual([A, D]);
  });

  it("LOB-06, LOB-11, LOB-17: Lobby's published sample runs unchanged, and every upstream is reached on its own port", {
    timeout: 300_000,
  }, async () => {
    const addresses = ['1.1.1.1', '1.1.1.2', '1.1.1.3'];
    lab.backend.run([...addresses, '1.1.2.1'].map((each) => `ip address add ${each}/32 dev eth0`).join('\n'));
    shell('ip route add 1.1.0.0/16 dev b0');
    await lab.servers.call('serve', { addresses, port: 80 });
    await lab.servers.call('serve', { addresses: ['1.1.1.3'], port: 443 });
    const ports = [8081, 8082, 8083];
    for (const port of ports) await lab.servers.call('serve', { addresses: ['1.1.2.1'], port, name: `port ${port}` });
    try {
      await run(SAMPLE);
      const reach = async (port: number, names: readonly string[]) =>
        await until(async () => names.every((name) => seen.get(port)!.has(name)) || !(await visit(port)));
      const seen = new Map([8081, 8082].map((port) => [port, new Set<string>()]));
      const visit = async (port: number) => {
        for (const name of await connect(6, port, HOST)) seen.get(port)!.add(name);
        return true;
      };
      await visit(8081);
      // The third serves after five good checks, ten seconds apart.
      expect(seen.get(8081)!.has('1.1.1.3')).toBe(false);
      await reach(
        8082,
        ports.map((port) => `port ${port}`),
      );
      await reach(8081, addresses);
      expect([...seen.get(8081)!].sort()).toEqual(addresses);
    } finally {
      shell('ip route del 1.1.0.0/16 dev b0');
      lab.backend.run([...addresses, '1.1.2.1'].map((each) => `ip address del ${each}/32 dev eth0`).join('\n'));
    }
  });

  async function start(documents: readonly object[], endpoints?: string): Promise<void> {
    const path = join(directory, 'lb.yaml');
    // JSON is YAML.
    writeFileSync(path, documents.map((document) => JSON.stringify(document)).join('\n---\n'));
    await run(path, endpoints);
  }

  async function run(path: string, endpoints?: string): Promise<void> {
    balancer = await startBalancer({
      ...{ node: 'n1', stateDirectory: join(directory, 'state'), logger: createLogger('lb', 'silent') },
      desired: { kind: 'file', path, ...(endpoints === undefined ? {} : { endpoints }) },
      // The name of the sample leads elsewhere in the world outside.
      parts: { resolver: { resolve: async () => ({ addresses: ['1.1.2.1'], ttlMs: 60_000 }) } },
    });
    await until(async () => (await balancer.control.status()).kernel.phase === 'in-force');
  }

  async function connect(connections: number, port: number, address = VIP): Promise<string[]> {
    return await lab.clients.call('connect', { count: connections, address, port });
  }
});

const HTTP = [{ name: 'http', protocol: 'TCP', port: 80 }];
const metadata = { name: 'shop', namespace: 'acme' };

function gateway(listeners: readonly object[]): object {
  const addresses = [{ type: 'IPAddress', value: VIP }];
  return { apiVersion: API, kind: 'Gateway', metadata, spec: { gatewayClassName: 'higgins', listeners, addresses } };
}

function route(kind: string, names: readonly string[], sectionName: string): object {
  const backendRefs = names.map((name) => ({ name, port: MEMBER_PORT }));
  const spec = { parentRefs: [{ name: 'shop', sectionName }], rules: [{ backendRefs }] };
  return { apiVersion: API, kind, metadata: { ...metadata, name: sectionName }, spec };
}

function policy(spec: object): object {
  const targetRef = { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'shop' };
  return {
    ...{ apiVersion: 'networking.datum.net/v1alpha', kind: 'L4LoadBalancerPolicy', metadata },
    spec: { targetRef, ...spec },
  };
}

function count(names: readonly string[], name: string): number {
  return names.filter((each) => each === name).length;
}
