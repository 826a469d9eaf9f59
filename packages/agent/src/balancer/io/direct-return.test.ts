import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Netlink } from '@higgins/netlink';
import { createLogger } from '@higgins/service';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { DirectLab, type Server, VIRTUAL } from '../../../../../test/support/direct-lab.js';
import { type Program, shell } from '../../../../../test/support/lab.js';
import { describeInNamespace } from '../../../../../test/support/namespace.js';
import { until } from '../../../../../test/support/until.js';
import type { BalancerEvent } from '../core/events.js';
import { type Balancer, startBalancer } from './balancer.js';

const PORT = 8080;
/** Nobody serves this one at the virtual address until a test does. */
const OTHER_PORT = 8081;
/** As /proc/net/tcp has them. */
const LISTEN = '0A';
const SYN_RECEIVED = '03';

await describeInNamespace('members of direct server return', import.meta.filename, ['network'], () => {
  let lab: DirectLab;
  let wrong: Server;
  let right: Server;
  let directory: string;
  let stack: AsyncDisposableStack;

  beforeAll(async () => {
    lab = await DirectLab.create();
    await lab.serve(PORT);
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
    wrong.host.run('nft flush ruleset; sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2');
  });

  afterAll(() => lab[Symbol.asyncDispose]());

  describeBoth(
    'L4-61: a member without the virtual address is named and gets nothing, until it has it',
    async (path, family) => {
      counting();
      withdraw(family);
      const { balancer, events } = await start(path, family, 'tcp', PORT);
      await settled(balancer);
      const reason = await faultOf(balancer);
      expect(reason).toMatch(/^virtual-address-absent: /);
      expect(reason).toContain(VIRTUAL[family]);
      await onlyTheRightOneServes(family);
      expect(clientPackets()).toBe(0);
      expect(events).toContainEqual(
        expect.objectContaining({ kind: 'direct-return-failed', severity: 'warning', member: 'wrong', reason }),
      );
      restore(family);
      await available(balancer, 2);
      expect(await faultOf(balancer)).toBeNull();
      expect(events).toContainEqual(expect.objectContaining({ kind: 'direct-return-restored', member: 'wrong' }));
      expect(new Set(await connect(40, family))).toEqual(new Set([wrong.addresses[family], right.addresses[family]]));
      expect(clientPackets()).toBeGreaterThan(0);
    },
  );

  describeBoth(
    'L4-61: a member that answers its neighbours for the virtual address is named and gets nothing',
    async (path, family) => {
      counting();
      claim(family);
      const { balancer } = await start(path, family, 'tcp', PORT);
      await settled(balancer);
      expect(await faultOf(balancer)).toMatch(/^virtual-address-claimed: /);
      await onlyTheRightOneServes(family);
      expect(clientPackets()).toBe(0);
      unclaim(family);
      await available(balancer, 2);
    },
  );

  describeBoth(
    'L4-61: a UDP server that is not bound to the virtual address is named and gets nothing',
    async (path, family) => {
      counting();
      const [one, other] = [wrong.host.program(), right.host.program()];
      await one.call('serve', { addresses: [wrong.addresses[family]], port: OTHER_PORT });
      await other.call('serve', { addresses: [VIRTUAL[family]], port: OTHER_PORT, name: right.addresses[family] });
      stack.use(one);
      stack.use(other);
      const { balancer } = await start(path, family, 'udp', OTHER_PORT);
      await settled(balancer);
      expect(await faultOf(balancer)).toMatch(/^server-not-bound: udp port 8081 is closed at /);
      for (let exchange = 0; exchange < 10; exchange++) {
        expect(await ask(family, OTHER_PORT)).toBe(right.addresses[family]);
      }
      expect(clientPackets()).toBe(0);
      await one.call('serve', { addresses: [VIRTUAL[family]], port: OTHER_PORT, name: wrong.addresses[family] });
      await available(balancer, 2);
      expect(await faultOf(balancer)).toBeNull();
    },
  );

  it('L4-61: a UDP server on every address answers from its own, and is named', async () => {
    const [one, other] = [wrong.host.program(), right.host.program()];
    stack.use(one);
    stack.use(other);
    await one.call('serve', { addresses: ['0.0.0.0'], port: OTHER_PORT, name: 'wrong' });
    await other.call('serve', { addresses: [VIRTUAL[4]], port: OTHER_PORT, name: 'right' });
    const activeCheck = { type: 'udp', intervalMs: 60_000, udp: { payload: 'ask', expect: null } };
    const { balancer } = await start('dsr-l2', 4, 'udp', OTHER_PORT, { activeCheck });
    await settled(balancer);
    expect(await faultOf(balancer)).toBe(
      `server-not-bound: udp port 8081 answers from ${wrong.addresses[4]} in place of 10.9.0.9: bind the server to the virtual address`,
    );
  });

  it('L4-61: a TCP server that is not bound to the virtual address is named', async () => {
    const [one, other] = [wrong.host.program(), right.host.program()];
    stack.use(one);
    stack.use(other);
    await one.call('serve', { addresses: [wrong.addresses[4]], port: OTHER_PORT });
    await other.call('serve', { addresses: [VIRTUAL[4]], port: OTHER_PORT });
    const { balancer } = await start('dsr-l2', 4, 'tcp', OTHER_PORT);
    await settled(balancer);
    expect(await faultOf(balancer)).toMatch(/^server-not-bound: tcp port 8081 is closed at 10.9.0.9/);
  });

  it('L4-61: the node may have the virtual address itself', async () => {
    shell(`ip address add ${VIRTUAL[4]}/32 dev lo`);
    stack.defer(() => void shell(`ip address delete ${VIRTUAL[4]}/32 dev lo`));
    withdraw(4);
    stack.defer(() => restore(4));
    const { balancer } = await start('dsr-l2', 4, 'tcp', PORT);
    await settled(balancer);
    expect(await faultOf(balancer)).toMatch(/^virtual-address-absent: /);
    expect((await status(balancer)).available).toBe(1);
  });

  it('L4-61: with "warn" a member that fails is told of and serves', async () => {
    withdraw(4);
    stack.defer(() => restore(4));
    const { balancer, events } = await start('dsr-l2', 4, 'tcp', PORT, {}, 'warn');
    await until(() => events.some(({ kind }) => kind === 'direct-return-failed'));
    expect((await status(balancer)).available).toBe(2);
    expect(await faultOf(balancer)).toMatch(/^virtual-address-absent: /);
  });

  it('L4-61: a member that turns wrong while it serves is taken out', async () => {
    const { balancer } = await start('dsr-l2', 4, 'tcp', PORT);
    await available(balancer, 2);
    withdraw(4);
    stack.defer(() => restore(4));
    await available(balancer, 1);
    expect(await faultOf(balancer)).toMatch(/^virtual-address-absent: /);
  });

  it('L4-61, L4-63: looks leave no flow behind on the node, and no half-open connection on members', async () => {
    const { balancer } = await start('dsr-l2', 4, 'tcp', PORT);
    await available(balancer, 2);
    expect(await new Netlink().countFlows({ protocol: 6 })).toBe(0);
    const states = right.host
      .run('cat /proc/net/tcp')
      .split('\n')
      .map((line) => line.trim().split(/\s+/)[3]);
    expect(states).toContain(LISTEN);
    expect(states).not.toContain(SYN_RECEIVED);
  });

  type Path = 'dsr-l2' | 'dsr-l3';

  function describeBoth(title: string, run: (path: Path, family: 4 | 6) => Promise<void>): void {
    it.each([
      ['dsr-l2', 4],
      ['dsr-l2', 6],
      ['dsr-l3', 4],
      ['dsr-l3', 6],
    ] as const)(`${title} (%s, IPv%i)`, run);
  }

  /** Has the member count packets of the client's, so that one of them shows. */
  function counting(): void {
    wrong.host.run(
      `nft 'add table inet seen; add chain inet seen i { type filter hook prerouting priority -300; }; add counter inet seen client'`,
    );
    for (const [header, source] of [
      ['ip', '10.3.0.2'],
      ['ip6', 'fd03::2'],
    ]) {
      wrong.host.run(
        `nft 'add rule inet seen i ${header} saddr ${source} meta l4proto { tcp, udp } counter name client'`,
      );
    }
  }

  function clientPackets(): number {
    return Number(/packets (\d+)/.exec(wrong.host.run('nft list counter inet seen client'))![1]);
  }

  function withdraw(family: 4 | 6): void {
    wrong.host.run(
      family === 4
        ? `ip address delete ${VIRTUAL[4]}/32 dev lo; ip route delete local 10.9.0.0/16 dev lo`
        : `ip address delete ${VIRTUAL[6]}/128 dev lo; ip -6 route delete local fd09::/64 dev lo`,
    );
  }

  function restore(family: 4 | 6): void {
    wrong.host.run(
      family === 4
        ? `ip address replace ${VIRTUAL[4]}/32 dev lo; ip route replace local 10.9.0.0/16 dev lo`
        : `ip address replace ${VIRTUAL[6]}/128 dev lo nodad; ip -6 route replace local fd09::/64 dev lo`,
    );
  }

  /** The usual mistakes: ARP for whatever the host has, and the address on the device itself. */
  function claim(family: 4 | 6): void {
    if (family === 4) wrong.host.run('sysctl -qw net.ipv4.conf.all.arp_ignore=0 net.ipv4.conf.all.arp_announce=0');
    else wrong.host.run(`ip address add ${VIRTUAL[6]}/128 dev eth0 nodad`);
  }

  function unclaim(family: 4 | 6): void {
    if (family === 4) wrong.host.run('sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2');
    else wrong.host.run(`ip address delete ${VIRTUAL[6]}/128 dev eth0`);
  }

  async function start(
    dataPath: Path,
    family: 4 | 6,
    protocol: 'tcp' | 'udp',
    port: number,
    pool: object = {},
    dsrCheck = 'enforce',
  ): Promise<{ balancer: Balancer; events: BalancerEvent[] }> {
    const members = { wrong, right };
    const configuration = {
      name: 'lb',
      addresses: [VIRTUAL[family]],
      listeners: [{ name: 'direct', protocol, port, dataPath, dsrCheck, rules: [{ pool: 'all' }] }],
      pools: [
        {
          name: 'all',
          members: Object.entries(members).map(([name, { addresses }]) => ({ name, host: addresses[family], port })),
          ...pool,
        },
      ],
    };
    writeFileSync(join(directory, 'lb.yaml'), JSON.stringify({ loadBalancers: [configuration] }));
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

  const status = async (balancer: Balancer) => (await balancer.control.status()).pools[0]!;

  /** What the look at the wrong member found last. */
  async function faultOf(balancer: Balancer): Promise<string | null> {
    return (await status(balancer)).members.find(({ member }) => member === 'wrong')!.directReturn[0]!.failure;
  }

  /** The right member serves in the kernel, and the wrong one was looked at. */
  async function settled(balancer: Balancer): Promise<void> {
    await until(async () => {
      const { members, available } = await status(balancer);
      const looked = members.every(({ directReturn }) => directReturn[0]!.lastWallMs !== null);
      return looked && available >= 1 && (await balancer.control.status()).kernel.phase === 'in-force';
    });
  }

  async function available(balancer: Balancer, count: number): Promise<void> {
    await until(async () => {
      const inForce = (await balancer.control.status()).kernel.phase === 'in-force';
      return inForce && (await status(balancer)).available === count;
    });
  }

  const connect = (count: number, family: 4 | 6): Promise<string[]> =>
    lab.clients.call<string[]>('connect', { count, address: VIRTUAL[family], port: PORT });

  async function onlyTheRightOneServes(family: 4 | 6): Promise<void> {
    expect(new Set(await connect(30, family))).toEqual(new Set([right.addresses[family]]));
  }

  async function ask(family: 4 | 6, port: number): Promise<string> {
    const clients: Program = lab.clients;
    return (await clients.call<{ name: string }>('exchange', { address: VIRTUAL[family], port })).name;
  }
});
