import { affinity } from '@higgins/balancing';
import { Netlink } from '@higgins/netlink';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { BalancerLab, MEMBER_PORT, MEMBERS } from '../../../../../test/support/balancer-lab.js';
import { shell } from '../../../../../test/support/lab.js';
import { describeInNamespace } from '../../../../../test/support/namespace.js';
import { until } from '../../../../../test/support/until.js';
import { type ServiceOptions, serviceOf } from './maglev.fixture.js';
import { MaglevTarget } from './target.js';

const signal = new AbortController().signal;
const VIP = '10.9.0.9';
const [A, B, C, , E] = MEMBERS[4];

await describeInNamespace('maglev target, features of nat', import.meta.filename, ['network'], () => {
  let lab: BalancerLab;
  let target: MaglevTarget;

  beforeAll(async () => {
    lab = await BalancerLab.create();
  });

  beforeEach(async () => {
    await lab.reset();
    const netlink = new Netlink();
    await netlink.deleteFlows({});
    target = new MaglevTarget({ netlink, bootMs: () => performance.now() });
  });

  afterAll(() => lab[Symbol.asyncDispose]());

  const web = (options: Partial<ServiceOptions>): ServiceOptions => ({
    ...{ id: 'web', addresses: [VIP], memberPort: MEMBER_PORT, members: { [A]: 1, [B]: 1, [C]: 1 } },
    ...options,
  });
  const apply = async (...options: ServiceOptions[]) => {
    const services = options.map(serviceOf);
    return { ...(await target.apply({ services }, signal)), services };
  };
  const connect = (options: object) =>
    lab.clients.call<string[]>('connect', { count: 1, address: VIP, port: 80, ...options });

  it('LOB-10, L4-19: in turn, members share new connections to one', async () => {
    await apply(web({ selection: { algorithm: 'round-robin' } }));
    const names = await connect({ count: 9 });
    for (const name of [A, B, C]) expect(names.filter((each) => each === name)).toHaveLength(3);
  });

  it('LOB-53, L4-20: weights are kept exactly, in turn', async () => {
    await apply(web({ members: { [A]: 1, [B]: 2, [C]: 7 }, selection: { algorithm: 'weighted-round-robin' } }));
    const names = await connect({ count: 40 });
    expect([A, B, C].map((name) => names.filter((each) => each === name).length)).toEqual([4, 8, 28]);
  });

  it('LOB-24: with no member left, TCP gets a reset and UDP an ICMP error at once, and all is back by itself', async () => {
    const none = { [A]: 0, [B]: 0, [C]: 0 };
    await apply(web({}), web({ id: 'dns', protocol: 'udp' }));
    const change = await apply(web({ members: none }), web({ id: 'dns', protocol: 'udp', members: none }));
    expect(change).toMatchObject({ structure: false, transactions: 1 });
    const startMs = performance.now();
    expect(await connect({})).toEqual(['ECONNREFUSED']);
    expect(performance.now() - startMs).toBeLessThan(1_000);
    expect(await lab.clients.call('exchange', { address: VIP, port: 80 })).toMatchObject({ name: 'ECONNREFUSED' });
    const counters = await target.counters();
    expect(counters.map(({ id, refused }) => [id, refused.none])).toEqual([
      ['web', 1],
      ['dns', 1],
    ]);
    await apply(web({}), web({ id: 'dns', protocol: 'udp' }));
    expect(MEMBERS[4]).toContain((await connect({}))[0]);
  });

  it('LOB-24: a table that is read in turn changes its elements alone when nobody serves', async () => {
    const turn = { selection: { algorithm: 'round-robin' as const } };
    await apply(web(turn));
    expect(await apply(web({ ...turn, members: { [A]: 0, [B]: 0, [C]: 0 } }))).toMatchObject({ structure: false });
    expect(await connect({})).toEqual(['ECONNREFUSED']);
    expect(await apply(web({ ...turn, members: { [A]: 0, [B]: 1, [C]: 0 } }))).toMatchObject({ structure: false });
    expect(await connect({})).toEqual([B]);
  });

  it('L4-42, LOB-73: a full member gets no further connection, and a closed one makes room', async () => {
    await apply(web({ members: { [A]: 1 }, connectionsPerMember: 5 }));
    const names = await connect({ count: 12, hold: true });
    expect(names).toEqual([...Array(5).fill(A), ...Array(7).fill('ECONNREFUSED')]);
    expect((await target.counters())[0]!.refused.limit).toBe(7);
    // Another rule of the same service changes: who is counted stays counted.
    await apply(web({ members: { [A]: 1 }, connectionsPerMember: 5, onIdle: 'reset' }));
    expect(await connect({})).toEqual(['ECONNREFUSED']);
    await lab.clients.call('release');
    await until(async () => (await connect({}))[0] === A);
  });

  it('L4-42: the connections of a listener are limited together', async () => {
    await apply(web({ connections: 4 }));
    const names = await connect({ count: 6, hold: true });
    expect(names.filter((name) => name === 'ECONNREFUSED')).toHaveLength(2);
  });

  it('L4-43, LOB-73: new connections above the rate are refused, and those that are open stay', async () => {
    await apply(web({ connectionsPerSecond: 1, burst: 5 }));
    const names = await connect({ count: 20, hold: true });
    const open = names.filter((name) => name !== 'ECONNREFUSED').length;
    expect(open).toBeGreaterThanOrEqual(5);
    expect(open).toBeLessThan(12);
    expect((await target.counters())[0]!.refused.rate).toBe(20 - open);
    expect(await lab.clients.call('probe')).toEqual(Array(open).fill(true));
  });

  it('L4-29, L4-30: a source stays with its member until that is out, and is then forgotten at once', async () => {
    const sticky = web({ selection: { algorithm: 'round-robin' }, affinity: affinity({ ttlMs: 60_000 }) });
    await apply(sticky);
    const from = async (source: string) => new Set(await connect({ count: 5, source }));
    const sources = Array.from({ length: 6 }, (_, index) => `10.100.0.${index + 1}`);
    const served = new Map<string, string>();
    for (const source of sources) {
      const names = await from(source);
      expect(names.size).toBe(1);
      served.set(source, [...names][0]!);
    }
    expect(new Set(served.values()).size).toBe(3);
    await apply({ ...sticky, members: { [A]: 0, [B]: 1, [C]: 1 } });
    expect(remembered()).toHaveLength(4);
    for (const source of sources) {
      const [name] = await from(source);
      expect(name).not.toBe(A);
      if (served.get(source) !== A) expect(name).toBe(served.get(source));
    }
  });

  it('L4-29: no more sources are remembered than the limit says', async () => {
    await apply(web({ affinity: affinity({ entriesMax: 3 }) }));
    for (let source = 1; source <= 8; source++) {
      expect(MEMBERS[4]).toContain((await connect({ source: `10.100.0.${source}` }))[0]);
    }
    expect(remembered()).toHaveLength(3);
  });

  it('L4-45: a connection that its member does not answer is given up after the connect timeout', async () => {
    lab.backend.run(
      'nft add table inet f; nft add chain inet f i "{ type filter hook input priority 0; }"; nft add rule inet f i tcp dport 8080 drop',
    );
    const { services } = await apply(web({ connectMs: 1_000 }));
    const refused = connect({});
    await until(async () => (await connectionsOf(services[0]!)) === 1);
    await until(async () => (await connectionsOf(services[0]!)) === 0);
    await refused;
    const { members } = (await target.counters())[0]!;
    expect(
      [...members.values()].reduce((sum, { opened, answered, refused: reset }) => sum + opened - answered - reset, 0),
    ).toBeGreaterThan(0);
  });

  it('L4-46: the state of a silent flow is released after the idle timeout, and not before', async () => {
    const { services } = await apply(web({ idleMs: 3_000 }), web({ id: 'dns', protocol: 'udp', idleMs: 3_000 }));
    await connect({ hold: true });
    await lab.clients.call('exchange', { address: VIP, port: 80 });
    const startMs = performance.now();
    for (const service of services) expect(await connectionsOf(service)).toBe(1);
    for (const service of services) await until(async () => (await connectionsOf(service)) === 0);
    expect(performance.now() - startMs).toBeGreaterThan(2_000);
    expect(await lab.clients.call('probe')).toEqual([true]);
  });

  it('L4-46: with the reset, a packet of a released flow is answered by one', async () => {
    const { services } = await apply(web({ idleMs: 1_000, onIdle: 'reset' }));
    await connect({ hold: true });
    await until(async () => (await connectionsOf(services[0]!)) === 0);
    expect(await lab.clients.call('probe')).toEqual([false]);
  });

  it('LOB-15, LOB-78: members see the client, an address of the node or its device', async () => {
    const peers = () => shellBackend("ss -Htn state established '( sport = :8080 )' | awk '{ print $4 }'");
    const shellBackend = (command: string) =>
      lab.backend.run(command).trim().replace(/:\d+$/, '').replace('[::ffff:', '').replace(']', '');
    shell('ip address add 10.2.0.7/24 dev b0');
    for (const [source, seen] of [
      ['keep', '10.1.0.2'],
      ['masquerade', '10.2.0.1'],
      [{ address: '10.2.0.7' }, '10.2.0.7'],
    ] as const) {
      await apply(web({ source, members: { [A]: 1 } }));
      expect(await connect({ hold: true })).toEqual([A]);
      expect(peers()).toBe(seen);
      await lab.clients.call('release');
      await until(() => peers() === '');
    }
  });

  it('LOB-74, LOB-75: only listed sources are let in, and blocked ones are dropped', async () => {
    await apply(web({ allow: ['10.100.1.0/24', '10.100.2.0/24', '10.100.2.128/25'], block: ['10.100.1.7'] }));
    expect(await connect({ source: '10.100.1.1' })).not.toEqual(['ECONNREFUSED']);
    expect(await connect({ source: '10.100.3.1' })).toEqual(['ECONNREFUSED']);
    expect(await connect({ source: '10.100.1.7' })).toEqual(['ETIMEOUT']);
    expect((await target.counters())[0]!.refused.source).toBeGreaterThan(1);
  });

  it('LOB-68, LOB-69: addresses, ranges and devices tell targets of one port apart', async () => {
    await apply(
      web({ id: 'exact', addresses: ['10.9.1.5'], members: { [A]: 1 } }),
      web({ id: 'range', addresses: ['10.9.1.0/24', '10.9.2.1-10.9.2.9'], members: { [B]: 1 } }),
      web({ id: 'wide', addresses: ['10.9.0.0/16'], members: { [C]: 1 } }),
      web({ id: 'device', addresses: ['10.9.0.0/16'], interfaces: ['b0'], members: { [A]: 1 } }),
    );
    const at = async (address: string) => (await connect({ address }))[0];
    expect([await at('10.9.1.5'), await at('10.9.1.6'), await at('10.9.2.9'), await at('10.9.2.10')]).toEqual([
      A,
      B,
      B,
      C,
    ]);
  });

  it('LOB-08: without addresses, a target takes what is addressed to the host on its port, and nothing else', async () => {
    await apply(web({ addresses: [], port: 8081 }));
    expect(MEMBERS[4]).toContain((await connect({ address: '10.1.0.1', port: 8081 }))[0]);
    expect(await connect({ address: '10.1.0.1', port: 8082 })).toEqual(['ECONNREFUSED']);
    expect(await connect({ address: A, port: MEMBER_PORT })).toEqual([A]);
  });

  it('LOB-79: connections that the host itself opens are balanced, if asked for', async () => {
    shell(`ip address add ${VIP}/32 dev lo`);
    await apply(web({ localTraffic: true, selection: { algorithm: 'round-robin' } }));
    const local = lab.localProgram();
    const names = await local.call<string[]>('connect', { count: 6, address: VIP, port: 80 });
    expect([A, B, C].map((name) => names.filter((each) => each === name).length)).toEqual([2, 2, 2]);
    expect((await target.counters())[0]!.packets).toBeGreaterThan(12);
    shell(`ip address delete ${VIP}/32 dev lo`);
  });

  it('LOB-37, LOB-64: counters count what was sent, and go on through changes of health', async () => {
    await apply(web({ protocol: 'udp', port: 53 }));
    const send = (tag: number) =>
      lab.clients.call('send', {
        tag,
        sources: [{ address: '10.100.0.1', port: 5_000 + tag }],
        destinations: [{ address: VIP, port: 53 }],
      });
    for (let tag = 0; tag < 4; tag++) await send(tag);
    await apply(web({ protocol: 'udp', port: 53, members: { [A]: 0, [B]: 1, [C]: 1 } }));
    for (let tag = 4; tag < 8; tag++) await send(tag);
    await until(async () => (await lab.servers.call<number>('received')) === 8);
    // IPv4 and UDP headers, and "<tag> 0 10.9.0.9".
    const [counters] = await target.counters();
    expect(counters).toMatchObject({ packets: 8, bytes: 8 * (28 + 12) });
    expect([...counters!.members.values()].reduce((sum, { flows }) => sum + flows, 0)).toBe(8);
  });

  it('L4-35: real connections tell of a member that refuses: one reset for each', async () => {
    const { services } = await apply(
      web({ members: { [A]: 1 }, memberPort: 9999 }),
      web({ id: 'ok', port: 81, members: { [B]: 1 } }),
    );
    expect(await connect({ count: 11 })).toEqual(Array(11).fill('ECONNREFUSED'));
    await connect({ count: 3, port: 81 });
    const [refusing, answering] = await target.counters();
    expect(refusing!.members.get(A)).toMatchObject({ opened: 11, answered: 0, refused: 11 });
    expect(answering!.members.get(B)).toMatchObject({ opened: 3, answered: 3, refused: 0 });
    expect(services).toHaveLength(2);
  });

  it('LOB-49, L4-41: flows of UDP stay with a member until they are cut, and then take another', async () => {
    await apply(web({ protocol: 'udp' }));
    const from = { address: VIP, port: 80, source: '10.100.0.9', sourcePort: 5_353 };
    const ask = async () => (await lab.clients.call<{ name: string }>('exchange', from)).name;
    const member = await ask();
    const { services } = await apply(web({ protocol: 'udp', members: { [A]: 1, [B]: 1, [C]: 1, [member]: 0 } }));
    expect(await ask()).toBe(member);
    expect(await target.cut(services[0]!, member)).toBe(1);
    expect(await ask()).not.toBe(member);
  });

  it('L4-22, LOB-54: a source has one member by its address, and a member that goes out moves only its own', async () => {
    const hashed = web({ members: { [A]: 1, [B]: 1, [C]: 1, [E]: 1 }, selection: { algorithm: 'source-hash' } });
    const sources = Array.from({ length: 40 }, (_, index) => `10.100.1.${index + 1}`);
    const served = async () => {
      const names = new Map<string, string>();
      for (const source of sources) {
        const seen = new Set(await connect({ count: 2, source }));
        expect(seen.size).toBe(1);
        names.set(source, [...seen][0]!);
      }
      return names;
    };
    await apply(hashed);
    const before = await served();
    expect(new Set(before.values()).size).toBe(4);
    await apply({ ...hashed, members: { ...hashed.members, [B]: 0 } });
    for (const [source, name] of await served()) {
      if (before.get(source) === B) expect(name).not.toBe(B);
      else expect(name).toBe(before.get(source));
    }
  });

  it('LOB-63: a copy of every packet goes to the mirror, and the client notices nothing', async () => {
    lab.backend.run(
      `nft 'add table ip seen; add chain ip seen i { type filter hook prerouting priority -300; }; add counter ip seen copies'`,
    );
    lab.backend.run(`nft 'add rule ip seen i ip daddr ${VIP} tcp dport 80 counter name copies drop'`);
    const copies = () => Number(/packets (\d+)/.exec(lab.backend.run('nft list counter ip seen copies'))![1]);
    await apply(web({ mirror: E }));
    expect((await connect({ count: 30 })).every((name) => name !== E || name.startsWith('10.2'))).toBe(true);
    const { packets } = (await target.counters())[0]!;
    expect(packets).toBeGreaterThanOrEqual(90);
    await until(() => copies() >= 90);
    await apply(web({}));
    const before = copies();
    await connect({ count: 3 });
    expect(copies()).toBe(before);
  });

  it('LOB-80: chains stand where they are asked to, before or after those of others', async () => {
    shell(`nft 'add table ip theirs; add chain ip theirs pre { type nat hook prerouting priority -100; }'`);
    shell(`nft 'add rule ip theirs pre ip daddr ${VIP} tcp dport 80 dnat to ${E}:${MEMBER_PORT}'`);
    await apply(web({ priority: -101, members: { [A]: 1 } }));
    expect(await connect({})).toEqual([A]);
    await apply(web({ priority: -99, members: { [A]: 1 } }));
    expect(await connect({})).toEqual([E]);
    expect(await target.verify()).toEqual([]);
  });

  it('LOB-50: rules for SCTP are taken by the kernel', async () => {
    await apply(
      web({ protocol: 'sctp', idleMs: 5_000 }),
      web({ id: 'web6', protocol: 'sctp', addresses: ['fd09::9'], members: { [MEMBERS[6][0]]: 1 } }),
    );
    expect(await target.verify()).toEqual([]);
  });

  it('L4-16: 400 open connections survive 30 edits of everything but their member', async () => {
    await apply(web({}));
    expect((await connect({ count: 400, hold: true })).filter((name) => name.startsWith('E'))).toEqual([]);
    const edits: Partial<ServiceOptions>[] = [
      { connectionsPerMember: 10_000, connections: 100_000 },
      { connectionsPerSecond: 1_000, burst: 100 },
      { connectMs: 5_000, idleMs: 300_000, onIdle: 'reset' },
      { source: 'masquerade', block: ['192.0.2.0/24'] },
      { affinity: affinity(), selection: { algorithm: 'weighted-round-robin' } },
      { localTraffic: true, mirror: E, selection: { tableSize: 251 } },
    ];
    for (let edit = 0; edit < 30; edit++) await apply(web(edits[edit % edits.length]!));
    expect(await lab.clients.call('probe')).toEqual(Array(400).fill(true));
  });

  it('L4-62: on a node that does not know them, open flows keep their member by hash', async () => {
    await apply(web({}));
    expect((await connect({ count: 40, hold: true })).filter((name) => name.startsWith('E'))).toEqual([]);
    // Another node has the same services and nothing of the flows.
    await new Netlink().deleteFlows({});
    expect(await lab.clients.call('probe')).toEqual(Array(40).fill(true));
  });

  it('an ICMP error reaches the member of its flow', async () => {
    await apply(web({ protocol: 'udp', members: { [A]: 1 } }));
    lab.backend.run(
      `nft 'add table ip seen; add chain ip seen i { type filter hook input priority 0; }; add counter ip seen errors'`,
    );
    lab.backend.run(`nft 'add rule ip seen i ip daddr ${A} icmp type destination-unreachable counter name errors'`);
    lab.client.run(
      `nft 'add table ip f; add chain ip f i { type filter hook input priority 0; }; add rule ip f i udp sport 80 reject'`,
    );
    await lab.clients.call('exchange', { address: VIP, port: 80, waitMs: 500 });
    await until(() => /packets [1-9]/.test(lab.backend.run('nft list counter ip seen errors')));
    lab.client.run('nft flush ruleset');
  });

  it('L4-41, L4-86: a drained member keeps its flows, which can be counted, and cutting ends them', async () => {
    await apply(web({}));
    const names = await connect({ count: 30, hold: true });
    const { services, structure } = await apply(web({ members: { [A]: 0, [B]: 1, [C]: 1 } }));
    expect(structure).toBe(false);
    expect(await lab.clients.call('probe')).toEqual(Array(30).fill(true));
    const onA = names.filter((name) => name === A).length;
    expect(await target.connections(services[0]!, A)).toBe(onA);
    expect(await target.cut(services[0]!, A)).toBe(onA);
    expect(await target.connections(services[0]!, A)).toBe(0);
    const alive = await lab.clients.call<boolean[]>('probe');
    expect(alive.filter(Boolean)).toHaveLength(30 - onA);
  });

  async function connectionsOf(service: ReturnType<typeof serviceOf>): Promise<number> {
    let sum = 0;
    for (const member of service.members.keys()) sum += await target.connections(service, member);
    return sum;
  }
});

/** Sources in the affinity map. */
function remembered(): string[] {
  const name = /map (s\.web\.affinity\.\w+)/.exec(shell('nft -t list table inet higgins_lb'))![1]!;
  return [...shell(`nft list map inet higgins_lb ${name}`).matchAll(/10\.100\.\d+\.\d+/g)].map(([source]) => source);
}
