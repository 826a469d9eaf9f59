import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import { describeInNamespace } from '../../../test/support/namespace.js';
import { type Family, FIVE_TUPLE_KEY, type Flow, type FlowKey, keyExpression, SOURCE_KEY } from './flow-key.js';
import { bindAll, type Endpoint, endpoints, Inbox, sendFromAll, WAIT_MS_MAX } from './kernel.fixture.js';
import { buildMaglev } from './maglev.js';
import { FlowPredictor } from './prediction.js';
import { select } from './selector.js';
import { changedSlots, memberAt, type SlotTable, type WeightedMember } from './slot-table.js';

/** Keys of every shape: padded and not, masked, longer and shorter than a block of the hash; and all kinds of sizes. */
const CASES: readonly { key: FlowKey; size: number; seed: number }[] = [
  { key: FIVE_TUPLE_KEY, size: 65_537, seed: 0x5eed0001 },
  { key: SOURCE_KEY, size: 4093, seed: 0 },
  { key: { fields: ['source-address', 'source-port'] }, size: 131_071, seed: 0xffffffff },
  { key: { fields: ['source-address'], sourcePrefixLength: { ipv4: 21, ipv6: 59 } }, size: 251, seed: 1 },
  {
    key: { fields: ['source-port', 'source-address'], sourcePrefixLength: { ipv4: 25, ipv6: 127 } },
    size: 16_381,
    seed: 2,
  },
  { key: { fields: ['destination-address', 'destination-port', 'protocol'] }, size: 2_520, seed: 3 },
  { key: { fields: ['source-port'] }, size: 1_021, seed: 4 },
];
const CLIENTS = 100;
const SERVICES = 100;
const SERVICE_PORT = 53;
const MEMBER_PORT = 9_000;
const PHASES = 4;

await describeInNamespace('kernel', import.meta.filename, [process.getuid?.() === 0 ? 'network' : 'user'], () => {
  beforeAll(() => {
    execFileSync('ip', ['link', 'set', 'lo', 'up']);
    // As 127/8 is by itself: every address in it is local, and can be bound.
    execFileSync('ip', ['-6', 'route', 'add', 'local', 'fd00::/8', 'dev', 'lo']);
    writeFileSync('/proc/sys/net/ipv6/ip_nonlocal_bind', '1');
  });

  describe.each([4, 6] as const)('IPv%i', (family) => {
    const clients = endpoints(family, 0, CLIENTS, (index) => 20_000 + index * 397);
    const services = endpoints(family, 10_000, SERVICES * PHASES + 30, () => SERVICE_PORT);

    it('L4-10: the kernel takes the predicted slot for every UDP flow, with keys of every shape', async () => {
      loadMarks(family);
      await using sockets = await bindAll(family, clients);
      const some = services.slice(0, SERVICES / 2);
      for (const service of some) await sendFromAll(sockets.all, service);
      await countReaches(CLIENTS * some.length);
      for (const index of CASES.keys()) expectMarks(index, 'udp', clients, some);
    });

    it('L4-10: and for every TCP flow', async () => {
      loadMarks(family);
      const sockets = clients.map((client) =>
        createConnection({
          host: services[0]!.address,
          port: SERVICE_PORT,
          localAddress: client.address,
          localPort: client.port,
        }).on('error', () => {}),
      );
      await countReaches(CLIENTS);
      for (const socket of sockets) socket.destroy();
      for (const index of CASES.keys()) expectMarks(index, 'tcp', clients, services.slice(0, 1));
    });

    it('L4-24: destination NAT delivers every flow to the predicted member, through every change', async () => {
      const receivers = endpoints(family, 20_000, 5, () => MEMBER_PORT);
      const pool = receivers.map(({ address }): WeightedMember => ({ name: address, weight: 1 }));
      const choice = { key: FIVE_TUPLE_KEY, size: 4093, seed: 0x5eed0001 } as const;
      const pools = [
        pool.slice(0, 4),
        pool,
        pool.map((member, index) => ({ ...member, sharePercent: index === 1 ? 0 : 100 })),
        pool.map((member, index) => ({ ...member, weight: 1 + 3 * index })),
      ];
      const predictor = new FlowPredictor({ kind: 'hash', ...choice });
      await using inbox = await Inbox.open(family, receivers);
      await using sockets = await bindAll(family, clients);
      let table: SlotTable = { members: [], slots: new Uint16Array() };
      for (const [phase, members] of pools.entries()) {
        const next = buildMaglev(members, choice);
        if (phase === 0) loadNat(family, hashText(family, choice), next);
        else patchNat(table, next);
        table = next;
        for (const service of services.slice(phase * SERVICES, (phase + 1) * SERVICES)) {
          await sendFromAll(sockets.all, service);
          await inbox.count(clients.length);
          const predicted = clients.map((client) => predictor.memberOf(flow('udp', client, service), table));
          expect(clients.map((_, client) => inbox.takeReceiver(client, service))).toEqual(predicted);
        }
      }
    });

    it('L4-19, L4-20: flows in turn are shared exactly by weight', async () => {
      const receivers = endpoints(family, 20_000, 3, () => MEMBER_PORT);
      const weights = [1, 2, 7];
      const members = receivers.map(({ address }, index) => ({ name: address, weight: weights[index]! }));
      const { table, choice } = select(members, { algorithm: 'weighted-round-robin', seed: 0 });
      await using inbox = await Inbox.open(family, receivers);
      await using sockets = await bindAll(family, clients);
      loadNat(family, `numgen inc mod ${choice.size}`, table);
      const shares = new Map(members.map(({ name }) => [name, 0]));
      // Flows that NAT has seen stay where they are, so these are new ones.
      for (const service of services.slice(-30)) {
        await sendFromAll(sockets.all, service);
        await inbox.count(clients.length);
        for (const client of clients.keys()) {
          const receiver = inbox.takeReceiver(client, service)!;
          shares.set(receiver, shares.get(receiver)! + 1);
        }
      }
      expect([...shares.values()]).toEqual([300, 600, 2_100]);
    });
  });
});

/** Every case in prerouting: the slot becomes the mark, and flow and mark become an element of the case's set. */
function loadMarks(family: Family): void {
  const ip = family === 4 ? 'ip' : 'ip6';
  const address = family === 4 ? 'ipv4_addr' : 'ipv6_addr';
  const sets = CASES.map(
    (_, index) =>
      `set seen${index} {\n type ${address} . inet_service . ${address} . mark\n size 65536\n flags dynamic\n }`,
  );
  const rules = CASES.map(
    (choice, index) =>
      `meta mark set ${hashText(family, choice)}\n add @seen${index} { ${ip} saddr . th sport . ${ip} daddr . meta mark }`,
  );
  load(`counter flows { }
    ${sets.join('\n')}
    chain input {
      type filter hook prerouting priority 0; policy accept;
      th dport != ${SERVICE_PORT} accept
      ${rules.join('\n')}
      counter name flows drop
    }`);
}

function expectMarks(
  index: number,
  protocol: Flow['protocol'],
  clients: readonly Endpoint[],
  services: readonly Endpoint[],
): void {
  const { key, size, seed } = CASES[index]!;
  const predictor = new FlowPredictor({ kind: 'hash', key, size, seed });
  const listing = JSON.parse(nft('-j', 'list', 'set', 'inet', 'edge', `seen${index}`)) as {
    nftables: { set?: { elem: { concat: [string, number, string, number] }[] } }[];
  };
  const elements = listing.nftables.flatMap(({ set }) => set?.elem ?? []).map(({ concat }) => concat);
  expect(elements.length).toBe(clients.length * services.length);
  const sources = new Map(clients.map((client) => [`${client.address} ${client.port}`, client]));
  const destinations = new Map(services.map((service) => [service.address, service]));
  const wrong = elements.filter(([source, sourcePort, destination, mark]) => {
    const [client, service] = [sources.get(`${source} ${sourcePort}`)!, destinations.get(destination)!];
    return predictor.slotOf(flow(protocol, client, service)) !== mark;
  });
  expect(wrong).toEqual([]);
}

function hashText(family: Family, { key, size, seed }: (typeof CASES)[number]): string {
  return `jhash ${keyExpression(key, family)} mod ${size} seed ${seed}`;
}

/** NAT of all flows to services, to the member of the slot that the expression gives. */
function loadNat(family: Family, expression: string, table: SlotTable): void {
  const ip = family === 4 ? 'ip' : 'ip6';
  load(`map members {
      typeof numgen inc mod ${table.slots.length} : ${ip} daddr . th dport
      elements = { ${elements(table, table.slots.keys())} }
    }
    chain output {
      type nat hook output priority -100; policy accept;
      th dport ${SERVICE_PORT} meta l4proto { tcp, udp } dnat ${ip} to ${expression} map @members
    }`);
}

/** Only the slots that changed, in one transaction. */
function patchNat(before: SlotTable, after: SlotTable): void {
  const changed = changedSlots(before, after);
  const input = `delete element inet edge members { ${[...changed].join(', ')} }
    add element inet edge members { ${elements(after, changed)} }`;
  execFileSync('nft', ['-f', '-'], { input });
}

function elements(table: SlotTable, slots: Iterable<number>): string {
  return [...slots].map((slot) => `${slot} : ${memberAt(table, slot)} . ${MEMBER_PORT}`).join(', ');
}

function load(body: string): void {
  const input = `add table inet edge\ndelete table inet edge\ntable inet edge {\n${body}\n}\n`;
  execFileSync('nft', ['-f', '-'], { input });
}

function nft(...command: string[]): string {
  return execFileSync('nft', command, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
}

/** Waits until the rules saw that many packets. */
async function countReaches(packets: number): Promise<void> {
  const end = performance.now() + WAIT_MS_MAX;
  for (;;) {
    const counter = /packets (\d+)/.exec(nft('list', 'counter', 'inet', 'edge', 'flows'));
    if (Number(counter?.[1]) >= packets) return;
    if (performance.now() > end) throw new Error(`${counter?.[1]} packets were seen, expected ${packets}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function flow(protocol: Flow['protocol'], client: Endpoint, service: Endpoint): Flow {
  return {
    protocol,
    ...{ sourceAddress: client.bytes, destinationAddress: service.bytes },
    ...{ sourcePort: client.port, destinationPort: service.port },
  };
}
