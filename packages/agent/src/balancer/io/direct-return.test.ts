import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Netlink } from '@higgins/netlink';
import { createLogger } from '@higgins/service';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { DirectLab, type Server, VIRTUAL } from '../../../../../test/support/direct-lab.js';
import { shell } from '../../../../../test/support/lab.js';
import { describeInNamespace } from '../../../../../test/support/namespace.js';
import { until } from '../../../../../test/support/until.js';
import type { BalancerEvent } from '../core/events.js';
import { type Balancer, startBalancer } from './balancer.js';

/** Served on the virtual addresses from the beginning: one port for each way to the members. */
const SERVED = { 'dsr-l2': 8080, 'dsr-l3': 8081 } as const;
/** Nobody serves these before a test does. */
const UNSERVED = { 'dsr-l2': 8082, 'dsr-l3': 8083 } as const;
/** As /proc/net/tcp has them. */
const LISTEN = '0A';
const SYN_RECEIVED = '03';

interface Listener {
  readonly path: 'dsr-l2' | 'dsr-l3';
  readonly family: 4 | 6;
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
}

/** Both ways in both families. */
function everywhere(protocol: 'tcp' | 'udp', ports: typeof SERVED | typeof UNSERVED): Listener[] {
  const paths = ['dsr-l2', 'dsr-l3'] as const;
  return paths.flatMap((path) => ([4, 6] as const).map((family) => ({ path, family, protocol, port: ports[path] })));
}

await describeInNamespace('members of direct server return', import.meta.filename, ['network'], () => {
  let lab: DirectLab;
  let wrong: Server;
  let right: Server;
  let directory: string;
  let stack: AsyncDisposableStack;

  beforeAll(async () => {
    lab = await DirectLab.create();
    for (const port of Object.values(SERVED)) await lab.serve(port);
    [wrong, right] = lab.servers as [Server, Server];
  });

  beforeEach(async () => {
    await lab.reset();
    await new Netlink().deleteFlows({});
    directory = mkdtempSync(join(tmpdir(), 'higgins-direct-'));
    stack = new AsyncDisposableStack();
  });

  afterEach(async () => {
    await stack.disposeAsync();
    rmSync(directory, { recursive: true });
    wrong.host.run('nft flush ruleset');
  });

  afterAll(() => lab[Symbol.asyncDispose]());

  it('L4-61: a member without the virtual address is named and gets nothing, until it has it', async () => {
    const listeners = everywhere('tcp', SERVED);
    countClients();
    withdraw();
    const { balancer, events } = await start(listeners);
    await available(balancer, 1);
    for (const listener of listeners) {
      const fault = await faultOf(balancer, listener);
      expect(fault).toMatch(/^virtual-address-absent: /);
      expect(fault).toContain(VIRTUAL[listener.family]);
      expect(new Set(await connect(20, listener))).toEqual(new Set([right.addresses[listener.family]]));
      expect(events).toContainEqual(
        expect.objectContaining({ kind: 'direct-return-failed', severity: 'warning', member: 'wrong', reason: fault }),
      );
    }
    expect(clientPackets()).toBe(0);
    restore();
    await available(balancer, 2);
    for (const listener of listeners) {
      expect(await faultOf(balancer, listener)).toBeNull();
      const { family } = listener;
      expect(new Set(await connect(40, listener))).toEqual(new Set([wrong.addresses[family], right.addresses[family]]));
    }
    expect(clientPackets()).toBeGreaterThan(0);
    expect(events).toContainEqual(expect.objectContaining({ kind: 'direct-return-restored', member: 'wrong' }));
  });

  it('L4-61: a member that answers its neighbours for the virtual address is named and gets nothing', async () => {
    const listeners = everywhere('tcp', SERVED);
    countClients();
    // The usual mistakes: ARP for whatever the host has, and the address on the device itself.
    wrong.host.run('sysctl -qw net.ipv4.conf.all.arp_ignore=0 net.ipv4.conf.all.arp_announce=0');
    wrong.host.run(`ip address add ${VIRTUAL[6]}/128 dev eth0 nodad`);
    const { balancer } = await start(listeners);
    await available(balancer, 1);
    for (const listener of listeners) {
      expect(await faultOf(balancer, listener)).toMatch(/^virtual-address-claimed: /);
      expect(new Set(await connect(20, listener))).toEqual(new Set([right.addresses[listener.family]]));
    }
    expect(clientPackets()).toBe(0);
    wrong.host.run('sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2');
    wrong.host.run(`ip address delete ${VIRTUAL[6]}/128 dev eth0`);
    await available(balancer, 2);
  });

  it('L4-61: a UDP server that is not bound to the virtual address is named and gets nothing', async () => {
    const listeners = everywhere('udp', UNSERVED);
    countClients();
    const one = stack.use(wrong.host.program());
    const other = stack.use(right.host.program());
    for (const { family, port } of listeners) {
      await one.call('serve', { addresses: [wrong.addresses[family]], port });
      await other.call('serve', { addresses: [VIRTUAL[family]], port, name: right.addresses[family] });
    }
    const { balancer } = await start(listeners);
    await available(balancer, 1);
    for (const listener of listeners) {
      const { family, port } = listener;
      const where = `udp port ${port} is closed at ${VIRTUAL[family]}`;
      expect(await faultOf(balancer, listener)).toBe(
        `server-not-bound: ${where}: bind the server to the virtual address`,
      );
      for (let count = 0; count < 10; count++) expect(await ask(listener)).toBe(right.addresses[family]);
    }
    expect(clientPackets()).toBe(0);
    for (const { family, port } of listeners) await one.call('serve', { addresses: [VIRTUAL[family]], port });
    await available(balancer, 2);
  });

  it('L4-61: servers that are bound to other addresses only are named: TCP refuses, UDP answers from there', async () => {
    const listeners = everywhere('udp', UNSERVED).filter(({ path, family }) => path === 'dsr-l2' && family === 4);
    const [udp] = listeners as [Listener];
    const tcp: Listener = { ...udp, protocol: 'tcp', port: UNSERVED['dsr-l3'] };
    const one = stack.use(wrong.host.program());
    const other = stack.use(right.host.program());
    await one.call('serve', { addresses: ['0.0.0.0'], port: udp.port });
    await one.call('serve', { addresses: [wrong.addresses[4]], port: tcp.port });
    for (const { port } of [udp, tcp]) await other.call('serve', { addresses: [VIRTUAL[4]], port });
    const activeCheck = { type: 'udp', intervalMs: 60_000, udp: { payload: 'ask', expect: null } };
    const { balancer } = await start([udp, tcp], { pool: { activeCheck } });
    await available(balancer, 1);
    const remedy = 'bind the server to the virtual address';
    expect(await faultOf(balancer, udp)).toBe(
      `server-not-bound: udp port ${udp.port} answers from ${wrong.addresses[4]} in place of ${VIRTUAL[4]}: ${remedy}`,
    );
    expect(await faultOf(balancer, tcp)).toBe(
      `server-not-bound: tcp port ${tcp.port} is closed at ${VIRTUAL[4]}: ${remedy}`,
    );
  });

  it('L4-61, L4-63: the node may have the address itself; a member that turns wrong is taken out; nothing is left behind', async () => {
    shell(`ip address add ${VIRTUAL[4]}/32 dev lo`);
    stack.defer(() => void shell(`ip address delete ${VIRTUAL[4]}/32 dev lo`));
    const listener: Listener = { path: 'dsr-l2', family: 4, protocol: 'tcp', port: SERVED['dsr-l2'] };
    const { balancer } = await start([listener]);
    await available(balancer, 2);
    expect(await new Netlink().countFlows({ protocol: 6 })).toBe(0);
    const states = right.host
      .run('cat /proc/net/tcp')
      .split('\n')
      .map((line) => line.trim().split(/\s+/)[3]);
    expect(states).toContain(LISTEN);
    expect(states).not.toContain(SYN_RECEIVED);
    withdraw();
    stack.defer(restore);
    await available(balancer, 1);
    expect(await faultOf(balancer, listener)).toMatch(/^virtual-address-absent: /);
  });

  it('L4-61: with "warn" a member that fails is told of and serves; the host does not answer for what is looked into', async () => {
    withdraw();
    stack.defer(restore);
    // By this route the host would reset the connection that it does not know.
    shell('ip route add 10.9.0.0/16 via 10.3.0.2');
    stack.defer(() => void shell('ip route delete 10.9.0.0/16'));
    const resets = 'ip saddr 10.3.0.1 tcp flags & rst == rst counter';
    lab.client.run(`nft 'table ip seen { chain i { type filter hook prerouting priority -300; ${resets}; }; }'`);
    stack.defer(() => void lab.client.run('nft delete table ip seen'));
    const listener: Listener = { path: 'dsr-l2', family: 4, protocol: 'tcp', port: SERVED['dsr-l2'] };
    const { balancer, events } = await start([listener], { dsrCheck: 'warn' });
    await until(() => events.some(({ kind }) => kind === 'direct-return-failed'));
    await available(balancer, 2);
    expect(await faultOf(balancer, listener)).toMatch(/^virtual-address-absent: /);
    // The first look may have come before the rules; those that follow do not.
    lab.client.run(`nft 'flush chain ip seen i; add rule ip seen i ${resets}'`);
    const before = await lookedAt(balancer);
    await until(async () => (await lookedAt(balancer)) > before);
    expect(lab.client.run('nft list table ip seen')).toContain('counter packets 0 ');
  });

  /** Has the member count packets of the client's, so that one of them shows. */
  function countClients(): void {
    const chain = 'chain inet seen i { type filter hook prerouting priority -300; }';
    wrong.host.run(`nft 'add table inet seen; add ${chain}; add counter inet seen client'`);
    for (const source of ['ip saddr 10.3.0.2', 'ip6 saddr fd03::2']) {
      wrong.host.run(`nft 'add rule inet seen i ${source} meta l4proto { tcp, udp } counter name client'`);
    }
  }

  function clientPackets(): number {
    return Number(/packets (\d+)/.exec(wrong.host.run('nft list counter inet seen client'))![1]);
  }

  function withdraw(): void {
    wrong.host.run(`ip address delete ${VIRTUAL[4]}/32 dev lo; ip route delete local 10.9.0.0/16 dev lo
      ip address delete ${VIRTUAL[6]}/128 dev lo; ip -6 route delete local fd09::/64 dev lo`);
  }

  function restore(): void {
    wrong.host.run(`ip address replace ${VIRTUAL[4]}/32 dev lo; ip route replace local 10.9.0.0/16 dev lo
      ip address replace ${VIRTUAL[6]}/128 dev lo nodad; ip -6 route replace local fd09::/64 dev lo`);
  }

  async function start(
    listeners: readonly Listener[],
    { dsrCheck = 'enforce', pool = {} }: { dsrCheck?: string; pool?: object } = {},
  ): Promise<{ balancer: Balancer; events: BalancerEvent[] }> {
    const loadBalancers = listeners.map(({ path, family, protocol, port }) => {
      const members = Object.entries({ wrong, right });
      const rules = [{ pool: 'all' }];
      return {
        ...{ name: nameOf({ path, family, protocol, port }), addresses: [VIRTUAL[family]] },
        listeners: [{ name: 'direct', protocol, port, dataPath: path, dsrCheck, rules }],
        pools: [
          {
            name: 'all',
            members: members.map(([name, { addresses }]) => ({ name, host: addresses[family], port })),
            ...(protocol === 'udp' ? pool : {}),
          },
        ],
      };
    });
    writeFileSync(join(directory, 'lb.yaml'), JSON.stringify({ loadBalancers }));
    const balancer = await startBalancer({
      stateDirectory: directory,
      desired: { kind: 'file', path: join(directory, 'lb.yaml') },
      logger: createLogger('lb', 'silent'),
    });
    stack.use(balancer);
    const events: BalancerEvent[] = [];
    const listening = new AbortController();
    stack.defer(() => listening.abort());
    void collect(balancer, listening.signal, events);
    return { balancer, events };
  }

  async function collect(balancer: Balancer, signal: AbortSignal, events: BalancerEvent[]): Promise<void> {
    for await (const event of balancer.control.events(signal)) if (event.kind !== 'lost') events.push(event);
  }

  /** So many members of every pool serve, all were looked at, and the kernel knows. */
  async function available(balancer: Balancer, count: number): Promise<void> {
    await until(async () => {
      const { kernel, pools } = await balancer.control.status();
      const looks = pools.flatMap(({ members }) => members).flatMap(({ directReturn }) => directReturn);
      const isKnown = kernel.phase === 'in-force' && looks.every(({ lastWallMs }) => lastWallMs !== null);
      return isKnown && pools.every((pool) => pool.available === count);
    });
  }

  /** When the member that was looked at longest ago was. */
  async function lookedAt(balancer: Balancer): Promise<number> {
    const { pools } = await balancer.control.status();
    const looks = pools.flatMap(({ members }) => members).flatMap(({ directReturn }) => directReturn);
    return Math.min(...looks.map(({ lastWallMs }) => lastWallMs ?? 0));
  }

  /** What the look at the wrong member found last. */
  async function faultOf(balancer: Balancer, listener: Listener): Promise<string | null> {
    const { pools } = await balancer.control.status();
    const { members } = pools.find(({ loadBalancer }) => loadBalancer === nameOf(listener))!;
    return members.find(({ member }) => member === 'wrong')!.directReturn[0]!.failure;
  }

  function connect(count: number, { family, port }: Listener): Promise<string[]> {
    return lab.clients.call<string[]>('connect', { count, address: VIRTUAL[family], port });
  }

  async function ask({ family, port }: Listener): Promise<string> {
    return (await lab.clients.call<{ name: string }>('exchange', { address: VIRTUAL[family], port })).name;
  }

  function nameOf({ path, family, protocol }: Listener): string {
    return `${path}-${protocol}-${family}`;
  }
});
