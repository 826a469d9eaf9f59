import { readFileSync } from 'node:fs';
import type { Family } from '@higgins/balancing';
import { Netlink } from '@higgins/netlink';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DirectLab, VIRTUAL } from '../../../../../test/support/direct-lab.js';
import { shell } from '../../../../../test/support/lab.js';
import { describeInNamespace } from '../../../../../test/support/namespace.js';
import { until } from '../../../../../test/support/until.js';
import { predictorOf, type ServiceOptions, serviceOf } from './maglev.fixture.js';
import { MaglevTarget } from './target.js';

const PORT = 8080;
const DOWNLOAD_BYTES = 1_000_000_000;
const signal = new AbortController().signal;

await describeInNamespace('maglev target, direct server return', import.meta.filename, ['network'], () => {
  let lab: DirectLab;
  let target: MaglevTarget;

  beforeAll(async () => {
    lab = await DirectLab.create();
    await lab.serve(PORT);
  });

  beforeEach(async () => {
    await lab.reset();
    target = new MaglevTarget({ netlink: new Netlink(), bootMs: () => performance.now() });
    await target.flush();
    await new Netlink().deleteFlows({});
  });

  afterAll(() => lab[Symbol.asyncDispose]());

  const apply = async (...options: ServiceOptions[]) => {
    const services = options.map(serviceOf);
    return { ...(await target.apply({ services }, signal)), services };
  };

  describe.each(['dsr-l2', 'dsr-l3'] as const)('%s', (dataPath) => {
    const membersOf = (family: Family, weight = 1) => {
      const reachable = dataPath === 'dsr-l2' ? lab.servers : lab.all;
      return Object.fromEntries(reachable.map(({ addresses }) => [addresses[family], weight]));
    };
    const service = (
      family: Family,
      protocol: 'tcp' | 'udp',
      options: Partial<ServiceOptions> = {},
    ): ServiceOptions => ({
      ...{
        id: `${protocol}${family}`,
        protocol,
        port: PORT,
        dataPath,
        addresses: [VIRTUAL[family]],
        members: membersOf(family),
      },
      ...options,
    });

    it('L4-28, L4-58, L4-60, L4-63: TCP and UDP over IPv4 and IPv6 are answered, and the node holds no state', async () => {
      await apply(service(4, 'tcp'), service(4, 'udp'), service(6, 'tcp'), service(6, 'udp'));
      for (const family of [4, 6] as const) {
        // So many that no member goes without one by chance.
        const names = await lab.clients.call<string[]>('connect', { count: 100, address: VIRTUAL[family], port: PORT });
        expect(new Set(names)).toEqual(new Set(Object.keys(membersOf(family))));
        const { name } = await lab.clients.call<{ name: string }>('exchange', { address: VIRTUAL[family], port: PORT });
        expect(Object.keys(membersOf(family))).toContain(name);
      }
      expect(await new Netlink().countFlows({ protocol: 6 })).toBe(0);
      expect(await target.verify()).toEqual([]);
    });

    it('L4-59: answers do not pass the node', async () => {
      await apply(service(4, 'tcp'));
      const before = deviceBytes().received;
      await lab.clients.call('connect', { count: 20, address: VIRTUAL[4], port: PORT });
      const [counters] = await target.counters();
      // What the node received is what it sent on, and a few frames of neighbour discovery.
      expect(deviceBytes().received - before).toBeLessThan(counters!.bytes * 2);
      expect(counters!.packets).toBeGreaterThanOrEqual(60);
      expect([...counters!.members.values()].reduce((sum, { flows }) => sum + flows, 0)).toBe(20);
    });

    it('L4-59: of a download of a gigabyte, the node sees what the client says', { timeout: 240_000 }, async () => {
      const [server] = lab.servers;
      const members = { [server!.addresses[4]]: 1 };
      const download = async () => {
        const before = deviceBytes();
        const order = { address: VIRTUAL[4], port: PORT, bytes: DOWNLOAD_BYTES };
        const { name, bytes } = await lab.clients.call<{ name: string; bytes: number }>('download', order);
        expect([name, bytes]).toEqual([server!.addresses[4], DOWNLOAD_BYTES]);
        const after = deviceBytes();
        return { received: after.received - before.received, sent: after.sent - before.sent };
      };
      // Translated, packets go to the server's own address, and answers to the node's.
      await using own = server!.host.program();
      await own.call('serve', { addresses: [server!.addresses[4]], port: PORT });
      await apply(service(4, 'tcp', { members, dataPath: 'nat', source: 'masquerade' }));
      const translated = await download();
      await target.flush();
      await apply(service(4, 'tcp', { members }));
      const direct = await download();
      expect(translated.received).toBeGreaterThan(DOWNLOAD_BYTES);
      expect(translated.sent).toBeGreaterThan(DOWNLOAD_BYTES);
      for (const direction of ['received', 'sent'] as const) {
        expect(direct[direction] * 10).toBeLessThan(translated[direction]);
      }
    });

    it('LOB-24: with no member left, TCP gets a reset and UDP an ICMP error', async () => {
      const members = membersOf(4, 0);
      const change = await apply(service(4, 'tcp', { members }), service(4, 'udp', { members }));
      expect(change.services).toHaveLength(2);
      expect(await lab.clients.call('connect', { count: 1, address: VIRTUAL[4], port: PORT })).toEqual([
        'ECONNREFUSED',
      ]);
      expect(await lab.clients.call('exchange', { address: VIRTUAL[4], port: PORT })).toMatchObject({
        name: 'ECONNREFUSED',
      });
    });

    it('an ICMP error reaches the member of its flow', async () => {
      await apply(service(4, 'udp'), service(6, 'udp'));
      lab.client.run('sysctl -qw net.ipv4.icmp_ratemask=0 net.ipv6.icmp.ratelimit=0');
      lab.client.run(
        `nft 'add table inet f; add chain inet f i { type filter hook input priority 0; }; add rule inet f i udp sport ${PORT} reject'`,
      );
      for (const { host } of lab.all) {
        host.run(
          `nft 'add table inet seen; add chain inet seen i { type filter hook input priority 0; }; add counter inet seen flows; add counter inet seen errors'`,
        );
        host.run(
          `nft 'add rule inet seen i udp dport ${PORT} counter name flows; add rule inet seen i icmp type destination-unreachable counter name errors'`,
        );
        host.run(`nft 'add rule inet seen i icmpv6 type destination-unreachable counter name errors'`);
      }
      for (let flow = 0; flow < 12; flow++) {
        const address = VIRTUAL[flow % 2 === 0 ? 4 : 6];
        await lab.clients.call('exchange', { address, port: PORT, waitMs: 20 });
      }
      const seen = (counter: string) =>
        lab.all.map(({ host }) => Number(/packets (\d+)/.exec(host.run(`nft list counter inet seen ${counter}`))![1]));
      await until(() => seen('errors').reduce((a, b) => a + b) === 12);
      expect(seen('errors')).toEqual(seen('flows'));
      for (const host of [lab.client, ...lab.all.map((server) => server.host)]) host.run('nft flush ruleset');
    });

    it('L4-24: every flow goes to the predicted member, through additions, removals and changes of weight', async () => {
      const sources = Array.from({ length: 500 }, (_, index) => ({
        address: `10.100.${index >> 5}.${1 + (index & 31)}`,
        port: 10_000 + index * 97,
      }));
      const [first, second, ...rest] = Object.keys(membersOf(4)) as [string, string, ...string[]];
      const all = membersOf(4);
      const phases = [{ [first]: 1, [second]: 1 }, all, { ...all, [first]: 0 }, { ...all, [rest[0]!]: 5 }];
      for (const [phase, members] of phases.entries()) {
        const { services } = await apply(service(4, 'udp', { members }));
        // Servers are bound to one virtual address: each phase has ports of its own.
        const shifted = sources.map(({ address, port }) => ({ address, port: port + 1 + phase }));
        const predict = predictorOf(services[0]!);
        const destinations = [{ address: VIRTUAL[4], port: PORT }];
        const count = await lab.clients.call<number>('send', { sources: shifted, destinations, tag: phase });
        const received = async () =>
          (await Promise.all(lab.all.map(({ program }) => program.call<number>('received')))).reduce((a, b) => a + b);
        await until(async () => (await received()) >= count);
        const taken = (
          await Promise.all(lab.all.map(({ program }) => program.call<[string, string][]>('take')))
        ).flat();
        const wrong = taken.filter(([payload, receiver]) => {
          const { address, port } = shifted[Number(payload.split(' ')[1])]!;
          return predict(address, port, VIRTUAL[4]) !== receiver;
        });
        expect(wrong).toEqual([]);
      }
    });
  });

  it('L4-83: a lost route and a new MAC address of a member are named, and repaired by the next application', async () => {
    const [server] = lab.servers;
    const members = { [server!.addresses[4]]: 1 };
    const services = (['dsr-l2', 'dsr-l3'] as const).map(
      (dataPath, index): ServiceOptions => ({
        ...{
          id: `one${index}`,
          dataPath,
          protocol: index === 0 ? 'tcp' : 'udp',
          port: PORT,
          addresses: [VIRTUAL[4]],
          members,
        },
      }),
    );
    await apply(...services);
    const answers = async () => [
      ...(await lab.clients.call<string[]>('connect', { count: 1, address: VIRTUAL[4], port: PORT })),
      (await lab.clients.call<{ name: string }>('exchange', { address: VIRTUAL[4], port: PORT })).name,
    ];
    const expected = [server!.addresses[4], server!.addresses[4]];
    expect(await answers()).toEqual(expected);
    shell("ip rule delete pref 1000; ip route flush table $(printf '%d' 0x4c000002)");
    expect(await target.verify()).toEqual(['routes of members are gone or changed']);
    await apply(...services);
    expect(await answers()).toEqual(expected);
    server!.host.run('ip link set eth0 address 02:00:00:00:00:99; ip -6 route replace default via fd03::2');
    shell('ip neigh flush dev n0');
    await until(async () => (await target.verify()).length > 0);
    await apply(...services);
    expect(await target.verify()).toEqual([]);
    expect(await answers()).toEqual(expected);
  });

  it('L4-61: a member that nobody answers for is not waited for twice, and the others serve', async () => {
    const [server] = lab.servers;
    const members = { [server!.addresses[4]]: 1, '10.3.0.99': 1 };
    const service: ServiceOptions = { id: 'one', dataPath: 'dsr-l2', port: PORT, addresses: [VIRTUAL[4]], members };
    await apply(service);
    const startMs = performance.now();
    const { structure } = await apply({ ...service, members: { ...members, '10.3.0.99': 0 } });
    expect([structure, performance.now() - startMs < 900]).toEqual([false, true]);
    const names = await lab.clients.call<string[]>('connect', { count: 5, address: VIRTUAL[4], port: PORT });
    expect(new Set(names)).toEqual(new Set([server!.addresses[4]]));
  });

  it('LOB-08: on the link, without addresses, a service takes what is addressed to the host on its port', async () => {
    const [server] = lab.servers;
    shell(`ip address add ${VIRTUAL[4]}/32 dev lo; ip address add ${VIRTUAL[6]}/128 dev lo`);
    const own = (family: Family): ServiceOptions => ({
      ...{
        id: `own${family}`,
        dataPath: 'dsr-l2',
        port: PORT,
        addresses: [],
        members: { [server!.addresses[family]]: 1 },
      },
    });
    await apply(own(4), own(6));
    for (const family of [4, 6] as const) {
      const options = { count: 1, address: VIRTUAL[family], port: PORT };
      expect(await lab.clients.call('connect', options)).toEqual([server!.addresses[family]]);
    }
    shell(`ip address delete ${VIRTUAL[4]}/32 dev lo; ip address delete ${VIRTUAL[6]}/128 dev lo`);
  });

  it('L4-58: nothing but MAC addresses changes on the link, and L3 counts as one hop', async () => {
    const members = { [lab.servers[0]!.addresses[4]]: 1 };
    const base = { id: 'one', protocol: 'udp', port: PORT, addresses: [VIRTUAL[4]], members } as const;
    const server = lab.servers[0]!.host;
    server.run(
      `nft 'add table ip seen; add chain ip seen i { type filter hook prerouting priority -300; }; add counter ip seen same; add counter ip seen less'`,
    );
    server.run(
      `nft 'add rule ip seen i udp dport ${PORT} ip ttl 64 counter name same'; nft 'add rule ip seen i udp dport ${PORT} ip ttl 63 counter name less'`,
    );
    const seen = (name: string) => Number(/packets (\d+)/.exec(server.run(`nft list counter ip seen ${name}`))![1]);
    await apply({ ...base, dataPath: 'dsr-l2' });
    await lab.clients.call('exchange', { address: VIRTUAL[4], port: PORT });
    expect([seen('same'), seen('less')]).toEqual([1, 0]);
    await apply({ ...base, dataPath: 'dsr-l3' });
    await lab.clients.call('exchange', { address: VIRTUAL[4], port: PORT });
    expect([seen('same'), seen('less')]).toEqual([1, 1]);
    server.run('nft delete table ip seen');
    await target.flush();
    expect(shell('ip rule; nft list tables')).not.toMatch(/fwmark|higgins/);
  });
});

/** What came in by the node's device, and went out. */
function deviceBytes(): { readonly received: number; readonly sent: number } {
  const counts = /n0:(.*)/.exec(readFileSync('/proc/net/dev', 'utf8'))![1]!.trim().split(/\s+/);
  return { received: Number(counts[0]), sent: Number(counts[8]) };
}
