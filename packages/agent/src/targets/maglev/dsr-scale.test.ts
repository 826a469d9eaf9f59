import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { links, Netlink } from '@higgins/netlink';
import { VirtualMachine, VirtualWorld } from '@higgins/runtime';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Host, shell } from '../../../../../test/support/lab.js';
import { describeInNamespace } from '../../../../../test/support/namespace.js';
import type { BalancerOccurrence } from '../../balancer/core/events.js';
import { ConntrackWatch } from '../../balancer/io/conntrack-usage.js';
import { type ServiceOptions, serviceOf } from './maglev.fixture.js';
import type { ServiceCounters } from './model.js';
import { MaglevTarget } from './target.js';

const GENERATOR = fileURLToPath(new URL('../../../../../target/release/higgins-packet-generator', import.meta.url));
const VIRTUAL = '10.9.0.9';
const PORT = 8080;
const MEMBERS = ['10.2.0.11', '10.2.0.12', '10.2.0.13'];
const FLOWS = 1_000_000;
/** More than there are packets: each is a flow of its own. */
const FLOWS_OF_GENERATOR = 50_000_000;
/** Of translated flows few at a time, so that the table is not full before anybody looks. */
const BURST_MS = { direct: 500, translated: 20 };
/** Of what the kernel tracks at most; documented. */
const ALARM_SHARE = 0.8;
/** Each burst starts a program. */
const BOUND = { timeout: 120_000 };
const { signal } = new AbortController();

await describeInNamespace('a million flows', import.meta.filename, ['network'], () => {
  const missing = whatIsMissing();
  if (missing !== null) {
    it.skip(`L4-63 skipped: ${missing}`, () => {});
    return;
  }
  let client: Host;
  let members: Host;
  let target: MaglevTarget;

  beforeAll(async () => {
    shell('ip link set lo up; sysctl -qw net.ipv4.ip_forward=1');
    shell('sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0');
    [client, members] = await Promise.all([Host.create(), Host.create()]);
    client.connect('c0', ['10.1.0.1/16'], 'eth0', ['10.1.0.2/16']);
    members.connect(
      'm0',
      ['10.2.0.1/24'],
      'eth0',
      MEMBERS.map((address) => `${address}/24`),
    );
    // Frames without socket buffers come in as a card's do, if the receiving device has NAPI.
    for (const device of ['c0', 'm0']) shell(`ethtool -K ${device} gro on`);
    for (const host of [client, members]) host.run('ethtool -K eth0 gro on');
    const sink = `ip daddr { ${[VIRTUAL, ...MEMBERS].join(', ')} } udp dport ${PORT} drop`;
    const hook = 'type filter hook ingress device eth0 priority 0';
    members.run(`nft 'table netdev sink { chain i { ${hook}; ${sink}; }; }'`);
    target = new MaglevTarget({ netlink: new Netlink(), bootMs: () => performance.now() });
  });

  afterAll(async () => {
    await target.flush();
    for (const host of [client, members]) await host[Symbol.asyncDispose]();
  });

  it(
    'L4-63: a million flows of direct server return leave no entry in connection tracking, and all reach members',
    BOUND,
    async () => {
      await apply({ dataPath: 'dsr-l2', interfaces: ['c0'] });
      await sendUntil(async () => (await counted()).packets >= FLOWS, BURST_MS.direct);
      expect(await new Netlink().countFlows({})).toBe(0);
      for (const { packets } of (await counted()).members.values()) expect(packets).toBeGreaterThan(FLOWS / 4);
    },
  );

  it(
    'L4-63: translated flows are entries: at 80 % of what the kernel takes that is told, before any is lost',
    BOUND,
    async () => {
      const told: BalancerOccurrence[] = [];
      const world = new VirtualWorld({ seed: 1 });
      const runtime = new VirtualMachine(world, { name: 'node', uptimeMs: 0 }).start();
      using watch = new ConntrackWatch(runtime, (occurrence) => told.push(occurrence));
      await apply({ dataPath: 'nat' });
      await watch.start();
      expect(told).toEqual([]);
      const { entriesMax } = watch.usage!;
      const enough = async () => {
        await watch.start();
        return watch.usage!.entries >= ALARM_SHARE * entriesMax;
      };
      await sendUntil(enough, BURST_MS.translated);
      expect(told).toMatchObject([{ kind: 'conntrack-high', entriesMax }]);
      expect(watch.usage!.entries).toBeLessThan(entriesMax);
      await new Netlink().deleteFlows({});
      await watch.start();
      expect(told.map(({ kind }) => kind)).toEqual(['conntrack-high', 'conntrack-normal']);
    },
  );

  async function apply(options: Partial<ServiceOptions>): Promise<void> {
    const weights = Object.fromEntries(MEMBERS.map((address) => [address, 1]));
    const service = { id: 'one', protocol: 'udp', port: PORT, addresses: [VIRTUAL], members: weights } as const;
    await target.flush();
    await target.apply({ services: [serviceOf({ ...service, ...options })] }, signal);
  }

  async function counted(): Promise<ServiceCounters> {
    return (await target.counters())[0]!;
  }

  /** Sends packets, each of them a flow of its own, until the node has seen enough of them. */
  async function sendUntil(enough: () => Promise<boolean>, burstMs: number): Promise<void> {
    const { mac: bytes } = links().find(({ name }) => name === 'c0')!;
    const mac = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
    for (let burst = 0; !(await enough()); burst++) {
      // A burst has sources of its own: 65,536 addresses are more than it comes to.
      const order = ['eth0', mac, `10.${10 + burst}.0.0`, VIRTUAL, PORT, FLOWS_OF_GENERATOR, burstMs].join(' ');
      // On one processor, so that the devices' short queues are emptied in between.
      client.run(`taskset -c 0 ${GENERATOR} ${order}`);
    }
  }
});

function whatIsMissing(): string | null {
  if (!existsSync(GENERATOR)) return 'the packet generator is not built';
  try {
    shell('command -v ethtool');
    return null;
  } catch {
    return 'ethtool is not installed';
  }
}
