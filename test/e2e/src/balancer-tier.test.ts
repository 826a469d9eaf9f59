import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Program as TrafficProgram } from '../../support/lab.js';
import { describeInNamespace } from '../../support/namespace.js';
import { ANYCAST, BIRD, FIXED, HAPROXY, TierLab, type TierNode } from '../../support/tier-lab.js';
import { until } from '../../support/until.js';

const SERVERS = 4;
/** Members' own port, and the one of the proxies. */
const SERVER_PORT = 8080;
const PROXY_PORT = 8001;
/** Listeners: direct server return, translated to proxies and to servers, and with the client's own address. */
const DIRECT = 80;
const PROXIED = 8000;
const TRANSLATED = 8200;
const KEPT = 8100;
const COMMUNITY = '65000:100';
const REQUEST = 'GET / HTTP/1.1\r\nHost: tier\r\n\r\n';

if (!existsSync(BIRD)) {
  describe('a tier of balancers', () => {
    it.skip('skipped: BIRD (package bird2) is not installed', () => {});
  });
} else {
  await describeInNamespace('a tier of balancers', import.meta.filename, ['network'], () => {
    let directory: string;
    let lab: TierLab;
    let clients: TrafficProgram;

    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), 'higgins-tier-'));
      lab = await TierLab.create(directory, 3, SERVERS, configuration());
      for (const { traffic, address, name } of lab.servers) {
        await traffic.call('serve', { addresses: [address], port: SERVER_PORT, name });
        await traffic.call('serve', { addresses: [ANYCAST], port: DIRECT, name });
      }
      clients = lab.client.program();
      for (const node of lab.nodes) lab.startBird(node);
      lab.startRouter();
    });

    beforeEach(async () => {
      await clients.call('release');
    });

    afterAll(async () => {
      await lab?.[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true, force: true });
    });

    it('L4-54: a node is sent to only while its table is verified and serving', async () => {
      await until(() => sessions() === 3);
      expect(lab.routedNodes()).toEqual([]);
      await Promise.all(lab.nodes.map((node) => lab.startBalancer(node)));
      await until(() => lab.routedNodes().length === 3);
      expect(lab.askRouter(`show route all ${ANYCAST}/32`).match(/BGP\.community: \(65000,100\)/g)).toHaveLength(3);
      const [first, second] = lab.nodes as [TierNode, TierNode];
      await first.control.flush();
      await until(() => lab.routedNodes().join() === '2,3');
      for (const { name } of lab.servers) await second.control.drain({ member: name });
      await until(() => lab.routedNodes().join() === '3');
      await first.control.reload();
      for (const { name } of lab.servers) await second.control.undrain({ member: name });
      await until(() => lab.routedNodes().length === 3);
    });

    it('L4-82: a killed balancer that comes back is sent to all the time', async () => {
      const node = lab.nodes[2]!;
      const monitor = spawn('ip', ['-4', 'monitor', 'route'], { stdio: ['ignore', 'pipe', 'ignore'] });
      let changes = '';
      monitor.stdout.setEncoding('utf8').on('data', (text: string) => {
        changes += text;
      });
      const nextHops = () =>
        changes
          .split(ANYCAST)
          .slice(1)
          .map((route) => route.match(/via 10\.71/g)?.length);
      await lab.kill('node-3');
      await lab.startBalancer(node);
      await until(async () => (await node.control.status()).kernel.verifiedWallMs !== null);
      // The end of a drain reaches the router after everything that was announced before it.
      for (const { name } of lab.servers) await node.control.drain({ member: name });
      await until(() => lab.routedNodes().join() === '1,2');
      for (const { name } of lab.servers) await node.control.undrain({ member: name });
      await until(() => nextHops().at(-1) === 3);
      monitor.kill();
      expect(nextHops()).toEqual([2, 3]);
    });

    it('L4-53: all nodes of one address carry flows, and each server gets its part', async () => {
      lab.forgetFlows();
      const names = await connect({ count: 200, port: DIRECT, sourcePort: 20_000 });
      expect(new Set(names)).toEqual(new Set(lab.servers.map(({ name }) => name)));
      const carriers = [...lab.carriers().values()];
      expect(carriers).toHaveLength(200);
      for (const { number } of lab.nodes)
        expect(carriers.filter((carrier) => carrier === number).length).toBeGreaterThan(30);
    });

    it('L4-62: flows without a translated source that move to another node keep their server', async () => {
      await poolServes('kept', SERVERS);
      route(lab.nodes[0]!);
      const names = await connect({ count: 40, address: FIXED, port: KEPT, hold: true });
      expect(new Set(names)).toEqual(new Set(lab.servers.map(({ name }) => name)));
      route(lab.nodes[1]!);
      lab.forgetFlows();
      expect(await clients.call<boolean[]>('probe')).toEqual(names.map(() => true));
      expect([...lab.carriers().values()]).toEqual(names.map(() => 2));
      // A node that is told not to pick up flows in their middle ends them: it is that which kept them.
      lab.nodes[2]!.host.run('sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0');
      route(lab.nodes[2]!);
      expect(await clients.call<boolean[]>('probe')).toEqual(names.map(() => false));
      lab.nodes[2]!.host.run('sysctl -qw net.netfilter.nf_conntrack_tcp_loose=1');
    });

    if (!existsSync(HAPROXY)) it.skip('L4-55, L4-73 skipped: HAProxy is not installed', () => {});
    else {
      it('L4-55: any node sends to any proxy, which are a pool like any other', async () => {
        for (const server of lab.servers) lab.startProxy(server, PROXY_PORT);
        await poolServes('proxies', SERVERS);
        const names = await connect({ count: 300, port: PROXIED, request: REQUEST });
        const pairs = lab.nodes.flatMap(({ lanAddress }) => lab.servers.map(({ name }) => `${name} ${lanAddress}`));
        expect(new Set(names)).toEqual(new Set(pairs));
      });

      it('L4-73: the death of one of four proxies takes its own connections, and moves few of the others', async () => {
        const names = await connect({ count: 1000, port: PROXIED, request: REQUEST, hold: true });
        const before = await predictions();
        await lab.kill('proxy-server-4');
        await poolServes('proxies', SERVERS - 1);
        const alive = await clients.call<boolean[]>('probe');
        expect(alive).toEqual(names.map((name) => !name.startsWith('server-4')));
        const after = await predictions();
        const moved = before.filter((member, index) => member !== after[index]).length;
        const strayed = before.filter((member, index) => member !== 'server-4' && member !== after[index]).length;
        expect(strayed / before.length).toBeLessThanOrEqual(0.01);
        expect(moved / before.length).toBeLessThanOrEqual(1 / SERVERS + 0.01);
        const anew = await connect({ count: 100, port: PROXIED, request: REQUEST });
        expect(new Set(anew.map((name) => name.split(' ')[0]))).toEqual(new Set(['server-1', 'server-2', 'server-3']));
      });
    }

    it('L4-72, L4-78: with one node of three gone new flows succeed, and those that move keep their server', async ({
      annotate,
    }) => {
      await poolServes('kept', SERVERS);
      lab.forgetFlows();
      await connect({ count: 300, port: DIRECT, sourcePort: 24_000, hold: true });
      await connect({ count: 100, port: TRANSLATED, sourcePort: 25_000, hold: true });
      const before = lab.carriers();
      const ports = [...Array(300).keys()].map((index) => 24_000 + index);
      const translated = [...Array(100).keys()].map((index) => 25_000 + index);
      const cutMs = performance.now();
      lab.nodes[2]!.host.run('ip link set eth0 down');
      await Promise.all([lab.kill('node-3'), lab.kill('bird-3')]);
      await until(() => lab.routedNodes().join() === '1,2');
      const windowMs = performance.now() - cutMs;
      lab.forgetFlows();
      const anew = await connect({ count: 100, port: DIRECT });
      expect(anew.filter((name) => !name.startsWith('server-'))).toEqual([]);
      const alive = await clients.call<boolean[]>('probe');
      const after = lab.carriers();
      expect(alive.slice(0, 300)).toEqual(ports.map(() => true));
      const moved = (all: readonly number[]) => all.filter((one) => before.get(one) !== after.get(one));
      for (const one of ports) if (before.get(one) === 3) expect(moved(ports)).toContain(one);
      const lost = translated.filter((_one, index) => !alive[300 + index]);
      expect(moved(translated)).toEqual(expect.arrayContaining(lost));
      await annotate(
        `the route vanished after ${Math.round(windowMs)} ms; ${moved(ports).length} of 300 flows changed their node and none its ` +
          `server; with translated sources ${moved(translated).length} of 100 did, and ${lost.length} ended`,
      );
    });

    async function connect(options: object): Promise<string[]> {
      return await clients.call('connect', { address: ANYCAST, ...options });
    }

    /** Every node has so many members of the pool in service. */
    async function poolServes(pool: string, members: number): Promise<void> {
      for (const { control } of lab.nodes) {
        await until(async () => {
          const { pools, kernel } = await control.status();
          const { available } = pools.find(({ pool: name }) => name === pool)!;
          return available === members && kernel.phase === 'in-force';
        });
      }
    }

    /** Whom each of many flows would go to that began now. */
    async function predictions(): Promise<(string | null)[]> {
      const members: (string | null)[] = [];
      for (let sourcePort = 30_000; sourcePort < 30_600; sourcePort++) {
        const ends = { sourceAddress: '10.71.0.2', destinationAddress: ANYCAST, destinationPort: PROXIED };
        members.push((await lab.nodes[0]!.control.explain({ protocol: 'tcp', sourcePort, ...ends })).member);
      }
      return members;
    }

    /** Leads the flows of the fixed address over a node, and the servers' answers too. */
    function route({ address, lanAddress }: TierNode): void {
      execFileSync('ip', ['route', 'replace', `${FIXED}/32`, 'via', address]);
      for (const { host } of lab.servers) {
        host.run(`ip rule show | grep -q 'lookup 100' || ip rule add sport ${SERVER_PORT} table 100
          ip route replace 10.88.0.0/24 dev eth0 table 100
          ip route replace default via ${lanAddress} table 100`);
      }
    }

    function sessions(): number {
      return lab.askRouter('show protocols').match(/BGP.*Established/g)?.length ?? 0;
    }
  });
}

/** The configuration of every node, in the core's own form. */
function configuration(): object {
  const check = { type: 'tcp', intervalMs: 1000, timeoutMs: 900, rise: 1, fall: 1, startAvailable: false };
  const members = (port: number) =>
    Array.from({ length: SERVERS }, (_, index) => ({
      ...{ name: `server-${index + 1}`, host: `10.88.0.${21 + index}`, port },
    }));
  const direct = { name: 'direct', activeCheck: { ...check, port: SERVER_PORT }, members: members(DIRECT) };
  const proxies = { name: 'proxies', activeCheck: check, members: members(PROXY_PORT) };
  const kept = { name: 'kept', activeCheck: check, members: members(SERVER_PORT) };
  const listener = (name: string, port: number, options: object) => ({
    name,
    port,
    protocol: 'tcp',
    rules: [{ pool: name }],
    ...options,
  });
  return {
    loadBalancers: [
      {
        ...{ name: 'site', addresses: [ANYCAST], announcement: { communities: [COMMUNITY] } },
        listeners: [
          listener('direct', DIRECT, { dataPath: 'dsr-l2' }),
          listener('proxies', PROXIED, { clientAddress: 'translate' }),
          listener('kept', TRANSLATED, { clientAddress: 'translate' }),
        ],
        pools: [direct, proxies, kept],
      },
      { name: 'fixed', addresses: [FIXED], listeners: [listener('kept', KEPT, {})], pools: [kept] },
    ],
  };
}
