import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@higgins/client';
import { Netlink } from '@higgins/netlink';
import { QuicTransport } from '@higgins/quic';
import { NodeRuntime } from '@higgins/runtime/node';
import { createLogger } from '@higgins/service';
import { gatewayConfiguration, type NodePools, nodePools, organisationList, parseListEntries } from '@higgins/signals';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { startRelay } from '../../../../../relay/src/io/start-relay.js';
import { type TestCertificates, testCertificates } from '../../../../../relay/src/io/testing/certificates.js';
import { BalancerLab, MEMBER_PORT, MEMBERS } from '../../../../../test/support/balancer-lab.js';
import { shell } from '../../../../../test/support/lab.js';
import { describeInNamespace } from '../../../../../test/support/namespace.js';
import { until } from '../../../../../test/support/until.js';
import type { BalancerEvent } from '../core/events.js';
import { type Balancer, startBalancer } from './balancer.js';
import type { BalancerOptions, DesiredFrom } from './balancer-options.js';

const VIP = '10.9.0.9';
const [A, B, C] = MEMBERS[4];
const QUICK = { type: 'tcp', intervalMs: 500, timeoutMs: 500, rise: 1, fall: 2 };
const PARAMS = { org: 'acme', gateway: 'shop', node: 'n1' };
const GATEWAY = { org: 'acme', gateway: 'shop' };

await describeInNamespace('balancer on the bus', import.meta.filename, ['network'], () => {
  let lab: BalancerLab;
  let certificates: TestCertificates;
  let directory: string;
  let stack: AsyncDisposableStack;
  let relay: { readonly port: number; close(): Promise<void> } | null;
  let port: number;

  beforeAll(async () => {
    lab = await BalancerLab.create();
    certificates = await testCertificates();
  });

  beforeEach(async () => {
    await lab.reset();
    await new Netlink().deleteFlows({});
    directory = mkdtempSync(join(tmpdir(), 'higgins-balancer-bus-'));
    stack = new AsyncDisposableStack();
    port = 0;
    await openRelay();
    stack.defer(closeRelay);
  });

  afterEach(async () => {
    await stack.disposeAsync();
    rmSync(directory, { recursive: true });
  });

  afterAll(async () => {
    await lab[Symbol.asyncDispose]();
    rmSync(certificates.directory, { recursive: true });
  });

  it('L4-48, L4-49, BUS-76: every ejection and return is one new object, with what the balancer itself knows', async () => {
    file();
    const { balancer } = await start();
    const seen = await watcher();
    await until(() => seen.length > 0);
    const groups = seen.length;
    refuse(B);
    await until(() => statusOf(seen, 'b') === 'ejected');
    const known = (await balancer.control.status()).pools[0]!.members.find(({ member }) => member === 'b')!;
    const told = memberOf(seen, 'b')!;
    expect(told).toMatchObject({ reason: 'active-check-failure', address: B, port: MEMBER_PORT, restoreWallMs: null });
    expect(Math.abs(told.sinceWallMs - known.sinceWallMs)).toBeLessThan(5);
    expect(seen.length).toBe(groups + 1);
    lab.backend.run('nft flush ruleset');
    await until(() => statusOf(seen, 'b') === 'active');
    expect(seen.length).toBe(groups + 2);
  });

  it('L4-39, L4-52, BUS-76: a forged state of the pools changes nothing in them', async () => {
    file();
    const { balancer } = await start();
    const seen = await watcher();
    await until(() => statusOf(seen, 'a') === 'active');
    const generation = await new Netlink().generation();
    const forged: NodePools = {
      pools: seen.at(-1)!.pools.map((pool) => ({
        ...pool,
        serving: 'reject',
        members: pool.members.map((member) => ({ ...member, status: 'ejected', reason: 'active-check-failure' })),
      })),
    };
    const other = await client('forger');
    const elsewhere = await watcher('n2');
    await other.publish(nodePools, PARAMS, forged);
    await other.publish(nodePools, { ...PARAMS, node: 'n2' }, forged);
    await until(() => statusOf(elsewhere, 'a') === 'ejected');
    const before = (await balancer.control.status()).kernel.verifiedWallMs!;
    await until(async () => (await balancer.control.status()).kernel.verifiedWallMs! > before + 1_000);
    expect(await new Netlink().generation()).toBe(generation);
    expect((await balancer.control.status()).pools[0]!.available).toBe(3);
  });

  it('L4-38, L4-50: with the relay dead members are ejected as quickly, and the newest state comes when it is back', async () => {
    file();
    const { balancer, events } = await start();
    const seen = await watcher();
    await until(() => statusOf(seen, 'a') === 'active');
    await closeRelay();
    refuse(A);
    await until(() => events.some((event) => event.kind === 'member' && event.to === 'ejected'));
    await until(async () => (await balancer.control.status()).kernel.phase === 'in-force');
    expect(await connect(30)).not.toContain(A);
    expect(statusOf(seen, 'a')).toBe('active');
    await openRelay();
    await until(() => statusOf(seen, 'a') === 'ejected');
  });

  it('L4-75, L4-80, L4-84: what came from the bus holds when it falls silent, is told to be stale, and outlives a restart', async () => {
    const writer = await client('control');
    await writer.publish(gatewayConfiguration, GATEWAY, desired(1, ['a', 'b', 'c']), { ttlMs: 3_000 });
    const from: DesiredFrom = { kind: 'bus', gateways: [GATEWAY] };
    const { balancer, events } = await start(from);
    const table = (await balancer.control.status()).services[0]!;
    await writer[Symbol.asyncDispose]();
    await until(() => events.some(({ kind }) => kind === 'configuration-stale'));
    await closeRelay();
    expect(new Set(await connect(40))).toEqual(new Set([A, B, C]));
    const generation = await new Netlink().generation();
    await balancer[Symbol.asyncDispose]();
    const { balancer: again } = await start(from);
    const same = (await again.control.status()).services[0]!;
    expect(same.members.map(({ member, slots }) => [member, slots])).toEqual(
      table.members.map(({ member, slots }) => [member, slots]),
    );
    expect(await new Netlink().generation()).toBe(generation);
    await until(async () => (await again.control.status()).configuration.stale !== null);
    await openRelay();
    const second = await client('control-2');
    await second.publish(gatewayConfiguration, GATEWAY, desired(2, ['a', 'b']), { ttlMs: 60_000 });
    await until(async () => (await again.control.status()).configuration.stale === null);
    await until(async () => (await again.control.status()).services[0]!.members.length === 2);
  });

  it('L4-75: a desired state that is not valid, or of another owner, is refused; the one before stays', async () => {
    const writer = await client('control');
    await writer.publish(gatewayConfiguration, GATEWAY, desired(1, ['a']));
    const { balancer, events } = await start({ kind: 'bus', gateways: [GATEWAY] });
    const bad = { ...desired(2, ['a']), configuration: '{"loadBalancers":[{"name":7}]}' };
    await writer.publish(gatewayConfiguration, GATEWAY, bad);
    await until(() => refusals(events) === 1);
    await writer.publish(gatewayConfiguration, GATEWAY, desired(3, ['b'], 'evil'));
    await until(() => refusals(events) === 2);
    expect((await balancer.control.status()).services[0]!.members.map(({ member }) => member)).toEqual(['a']);
    await writer.publish(gatewayConfiguration, GATEWAY, desired(4, ['b']));
    await until(async () => (await balancer.control.status()).services[0]!.members[0]!.member === 'b');
  });

  it('L4-43: the limit of new connections is of the PoP: the nodes that live share it, also when the bus is gone', async () => {
    file({}, { connectionsPerSecond: 30, burst: 6 });
    const { balancer } = await start(undefined, ['n1', 'n2', 'n3', 'n4']);
    const rate = async () => (await balancer.control.status()).services[0]!.connectionsPerSecond;
    const inKernel = () =>
      shell('nft list limits')
        .match(/rate over (\d+)\/second burst (\d+) packets/)
        ?.slice(1);
    expect(await rate()).toBe(30);
    const seen = await watcher();
    await until(() => statusOf(seen, 'a') === 'active');
    const pools = seen.at(-1)!;
    const [second, third] = [await client('n2'), await client('n3')];
    await second.publish(nodePools, { ...PARAMS, node: 'n2' }, pools);
    await third.publish(nodePools, { ...PARAMS, node: 'n3' }, pools);
    await until(async () => (await rate()) === 10);
    await until(() => inKernel()?.join() === '10,2');
    await third.remove(nodePools, { ...PARAMS, node: 'n3' });
    await until(async () => (await rate()) === 15);
    await closeRelay();
    await second[Symbol.asyncDispose]();
    await balancer[Symbol.asyncDispose]();
    const again = await start(undefined, ['n1', 'n2', 'n3', 'n4']);
    expect((await again.balancer.control.status()).services[0]).toMatchObject({ connectionsPerSecond: 15, nodes: 2 });
    expect(inKernel()).toEqual(['15', '3']);
  });

  it('LOB-75, LOB-74: lists of the bus guard the listener that names them, and no other', async () => {
    const block = { kind: 'track', track: 'org/acme/lists/blocked' };
    file({ block });
    const writer = await client('control');
    await start();
    expect(await connect(1)).not.toContain('ETIMEOUT');
    const list = (version: number, entries: readonly string[]) =>
      writer.publish(
        organisationList,
        { org: 'acme', list: 'blocked' },
        { owner: 'acme', version, createdWallMs: null, expiry: 'open', entries: parseListEntries(entries) },
      );
    await list(1, ['10.100.1.0/24']);
    await until(async () => (await exchange('10.100.1.5')) === 'TIMEOUT');
    expect(MEMBERS[4]).toContain(await exchange('10.100.2.5'));
    expect(MEMBERS[4]).toContain(
      (await lab.clients.call<string[]>('connect', { count: 1, address: VIP, port: 80, source: '10.100.1.5' }))[0],
    );
    await list(2, []);
    await until(async () => (MEMBERS[4] as readonly string[]).includes(await exchange('10.100.1.5')));
  });

  it('LOB-74: an allow list of the bus lets nobody in before it is there', async () => {
    file({ allow: { kind: 'track', track: 'org/acme/lists/allowed' } });
    await start();
    expect(await exchange('10.100.1.5')).not.toMatch(/^10\./);
  });

  /** The listener `dns` has the options, `web` the limits. */
  function file(options: object = {}, limits: object = {}): void {
    const document = documentOf(['a', 'b', 'c'], 'acme', options, limits);
    writeFileSync(join(directory, 'lb.yaml'), JSON.stringify(document));
  }

  function documentOf(names: readonly string[], owner: string, options: object = {}, limits: object = {}) {
    const members = names.map((name) => ({ name, host: MEMBERS[4][name.charCodeAt(0) - 97]!, port: MEMBER_PORT }));
    const rules = [{ pool: 'web' }];
    const listeners = [
      { name: 'web', protocol: 'tcp', port: 80, rules, limits },
      { name: 'dns', protocol: 'udp', port: 80, rules, ...options },
    ];
    const pools = [{ name: 'web', members, activeCheck: QUICK }];
    return { loadBalancers: [{ owner, name: 'shop', addresses: [VIP], listeners, pools }] };
  }

  function desired(version: number, names: readonly string[], owner = 'acme') {
    return { owner, version, createdWallMs: null, configuration: JSON.stringify(documentOf(names, owner)) };
  }

  async function start(
    from: DesiredFrom = { kind: 'file', path: join(directory, 'lb.yaml') },
    nodes: readonly string[] = [],
  ): Promise<{ balancer: Balancer; events: BalancerEvent[] }> {
    const options: BalancerOptions = {
      ...{ node: 'n1', stateDirectory: join(directory, 'state'), desired: from, logger: createLogger('lb', 'silent') },
      bus: { relays: [await relayAddress('balancer')], nodes },
    };
    const events: BalancerEvent[] = [];
    const balancer = stack.use(await startBalancer(options));
    const ended = new AbortController();
    stack.defer(() => ended.abort());
    const notices = balancer.control.events(ended.signal);
    void (async () => {
      for await (const event of notices) if (event.kind !== 'lost') events.push(event);
    })();
    await until(async () => (await balancer.control.status()).kernel.phase === 'in-force');
    return { balancer, events };
  }

  /** Every state of the pools that another participant of the bus is told. */
  async function watcher(node = 'n1'): Promise<NodePools[]> {
    const subscription = (await client(`watcher-${node}`)).subscribe(nodePools, { ...PARAMS, node });
    stack.defer(() => subscription.close());
    const seen: NodePools[] = [];
    void (async () => {
      for await (const { current, valueChanged } of subscription) {
        if (valueChanged && current?.value) seen.push(current.value);
      }
    })();
    return seen;
  }

  async function openRelay(): Promise<void> {
    const tls = { ...(await certificates.issue('relay')), clientAuthorities: certificates.authorities };
    const opened = await startRelay({ listen: { host: '127.0.0.1', port }, tls, log: { level: 'silent' } });
    port = opened.port;
    relay = opened;
  }

  async function closeRelay(): Promise<void> {
    await relay?.close();
    relay = null;
  }

  async function client(name: string): Promise<Client> {
    const runtime = stack.use(new NodeRuntime({ directory: join(directory, name) }));
    const transport = new QuicTransport();
    stack.defer(() => transport.close());
    const opened = await Client.open({ runtime, transport, relays: [await relayAddress(name)], writerId: name });
    stack.use(opened);
    return opened;
  }

  async function relayAddress(name: string) {
    const files = await certificates.issue(name);
    const identity = {
      certificatePem: readFileSync(files.certificate, 'utf8'),
      privateKeyPem: readFileSync(files.privateKey, 'utf8'),
    };
    const authoritiesPem = readFileSync(certificates.authorities, 'utf8');
    return { url: `moqt://127.0.0.1:${port}/`, authoritiesPem, identity };
  }

  async function connect(count: number): Promise<string[]> {
    return await lab.clients.call('connect', { count, address: VIP, port: 80 });
  }

  async function exchange(source: string): Promise<string> {
    return (await lab.clients.call<{ name: string }>('exchange', { address: VIP, port: 80, source })).name;
  }

  function refuse(address: string): void {
    lab.backend.run(`nft add table ip dead
      nft 'add chain ip dead input { type filter hook input priority 0; }'
      nft add rule ip dead input ip daddr ${address} tcp dport ${MEMBER_PORT} reject with tcp reset`);
  }
});

function memberOf(seen: readonly NodePools[], name: string) {
  return seen.at(-1)?.pools[0]?.members.find((member) => member.name === name);
}

function statusOf(seen: readonly NodePools[], name: string): string | undefined {
  return memberOf(seen, name)?.status;
}

function refusals(events: readonly BalancerEvent[]): number {
  return events.filter(({ kind }) => kind === 'configuration-refused').length;
}
