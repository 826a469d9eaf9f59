import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { describeInNamespace } from '../../../test/support/namespace.js';
import {
  buildMaglev,
  FIVE_TUPLE_KEY,
  type Flow,
  type FlowKey,
  FlowPredictor,
  jenkinsHash,
  SOURCE_KEY,
  type WeightedMember,
} from '../../balancing/src/index.js';
import { bpfFileSystem, type FrameShape, frame, headerSum, icmpError, MAC_BYTES, PROTOCOLS } from './xdp.fixture.js';
import { Xdp, xdpObstacle } from './xdp.js';
import type { XdpService } from './xdp-services.js';

/** Keys of every shape, as the tests of nft's own expression have them. */
const KEYS: readonly { key: FlowKey; size: number; seed: number }[] = [
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
  { key: { fields: ['protocol'] }, size: 509, seed: 5 },
];
const FLOWS = 600;
const PORT = 443;
/** In the tests the kernel has the program on loopback, in generic mode: it has no MAC address and sends to itself. */
const DEVICE = 'lo';
const obstacle = process.getuid?.() === 0 ? xdpObstacle() : 'loading programs needs root';

await describeInNamespace('XDP program', import.meta.filename, ['network'], () => {
  if (obstacle !== null) return void it.skip(`skipped: ${obstacle}`, () => {});

  describe.each([4, 6] as const)('IPv%i', (family) => {
    it('L4-24: takes the slot that is predicted, for every flow, with keys of every shape', async () => {
      using bpf = bpfFileSystem();
      const xdp = new Xdp({ directory: `${bpf.path}/keys`, mode: 'generic' });
      for (const { key, size, seed } of KEYS) {
        const slots = Uint16Array.from({ length: size }, (_, slot) => slot % 997);
        const addresses = [address(family, 1), address(family, 2)];
        for (const protocol of ['tcp', 'udp', 'sctp'] as const) {
          const members = names(997);
          await xdp.apply([service({ family, protocol, addresses, key, seed, members, slots })]);
          const predictor = new FlowPredictor({ kind: 'hash', key, seed, size });
          const wrong = flows(family, protocol, addresses).filter(
            (flow) => chosen(xdp, flow) !== slots[predictor.slotOf(flow)],
          );
          expect(wrong).toEqual([]);
        }
      }
      await xdp.remove();
    });

    it('L4-24: and goes on to do so through additions, removals, failures and changes of weights', async () => {
      using bpf = bpfFileSystem();
      const xdp = new Xdp({ directory: `${bpf.path}/changes`, mode: 'generic' });
      const all = names(8).map((name): WeightedMember => ({ name, weight: 1 }));
      const addresses = [address(family, 1)];
      const options = { size: 16_381, seed: 7 } as const;
      const pools = [
        all.slice(0, 5),
        all.slice(0, 5).map((member, index) => ({ ...member, sharePercent: index === 2 ? 0 : 100 })),
        all.slice(0, 5).map((member, index) => ({ ...member, weight: 1 + index })),
        all.slice(1, 5),
        all.slice(0, 7),
        all,
        all.map((member, index) => ({ ...member, sharePercent: 10 * index })),
      ];
      const programs: boolean[] = [];
      const predictor = new FlowPredictor({ kind: 'hash', key: FIVE_TUPLE_KEY, ...options });
      for (const pool of pools) {
        const table = buildMaglev(pool, options);
        const { members, slots } = table;
        const { program } = await xdp.apply([
          service({ ...{ family, protocol: 'tcp', addresses }, members, slots, seed: 7 }),
        ]);
        programs.push(program);
        for (const flow of flows(family, 'tcp', addresses)) {
          expect(members[chosen(xdp, flow)!]).toBe(predictor.memberOf(flow, table));
        }
        expect(await xdp.verify()).toEqual([]);
      }
      // There is room for a few more members.
      expect(programs).toEqual([true, false, false, false, false, false, false]);
      await xdp.remove();
    });

    it('leaves what is not plainly a packet of a service as it came', async () => {
      using bpf = bpfFileSystem();
      using xdp = await served(bpf.path, family);
      const shape = shapeOf(family);
      const whole = frame(shape);
      expect(xdp.run(whole, DEVICE).verdict).toBe('transmit');
      for (let bytes = 14; bytes < whole.length; bytes++) expectPassed(xdp, whole.slice(0, bytes));
      expectPassed(xdp, frame({ ...shape, destination: address(family, 9) }));
      expectPassed(xdp, frame({ ...shape, destinationPort: PORT + 1 }));
      expectPassed(xdp, frame({ ...shape, protocol: 'tcp' }));
      expectPassed(xdp, frame({ ...shape, mac: Uint8Array.of(2, 0, 0, 0, 0, 1) }));
      expectPassed(xdp, frame({ ...shape, mac: new Uint8Array(MAC_BYTES).fill(0xff) }));
      // A VLAN tag: the packet lies 4 bytes further on.
      expectPassed(xdp, Uint8Array.of(...whole.subarray(0, 12), 0x81, 0, 0, 7, ...whole.subarray(12)));
      // ICMP of IPv4, extension headers of IPv6.
      const other = whole.slice();
      other.set([family === 4 ? 1 : 0], 14 + (family === 4 ? 9 : 6));
      expectPassed(xdp, other);
    });

    it('survives any bytes, and changes none that it leaves to the kernel', async () => {
      using bpf = bpfFileSystem();
      using xdp = await served(bpf.path, family);
      const base = frame(shapeOf(family));
      for (let round = 0; round < 20_000; round++) {
        const bytes = base.slice(0, 14 + (hash(round, 0) % (base.length - 13)));
        for (let change = 0; change <= round % 4; change++) {
          bytes[hash(round, 1 + change) % bytes.length] = hash(round, 10 + change);
        }
        const { verdict, frame: after } = xdp.run(bytes, DEVICE);
        if (verdict === 'pass') expect(after).toEqual(bytes);
        else expect([verdict, after.subarray(12)]).toEqual(['transmit', bytes.subarray(12)]);
      }
    });

    it('L4-58: changes MAC addresses and nothing else on a link', async () => {
      using bpf = bpfFileSystem();
      using xdp = await served(bpf.path, family);
      const before = frame({ ...shapeOf(family), ...(family === 4 ? { optionBytes: 8 } : {}) });
      const { verdict, frame: after } = xdp.run(before, DEVICE);
      expect(verdict).toBe('transmit');
      expect(after.subarray(12)).toEqual(before.subarray(12));
      expect(after.subarray(0, 12)).not.toEqual(before.subarray(0, 12));
    });

    it('L4-60: counts the hop of a routed way, and lets a packet pass whose last hop it is', async () => {
      using bpf = bpfFileSystem();
      using xdp = await served(bpf.path, family, true);
      for (const ttl of [2, 64, 255]) {
        const { verdict, frame: after } = xdp.run(frame({ ...shapeOf(family), ttl }), DEVICE);
        expect([verdict, after[14 + (family === 4 ? 8 : 7)]]).toEqual(['transmit', ttl - 1]);
        if (family === 4) expect(headerSum(after.subarray(14, 34))).toBe(0);
      }
      for (const ttl of [0, 1]) expectPassed(xdp, frame({ ...shapeOf(family), ttl }));
      expect((await xdp.counters()).passed.ttl).toBe(2);
    });

    it('keeps the fragments of a packet together', async () => {
      using bpf = bpfFileSystem();
      using xdp = await served(bpf.path, family);
      const shape = shapeOf(family);
      for (const [index, flow] of flows(family, 'udp', [shape.destination]).slice(0, 50).entries()) {
        const parts = [0, 24, 48].map((offset) =>
          frame({ ...shapeOfFlow(flow), fragment: { identification: index, offset, more: offset < 48 } }),
        );
        expectPassed(xdp, parts[1]!);
        const members = parts.map((part) => memberOf(xdp.run(part, DEVICE)));
        expect(members).toEqual(Array(3).fill(chosen(xdp, flow)));
      }
      expect((await xdp.counters()).passed.fragment).toBe(50);
    });

    it('brings ICMP errors to the member whose packet they are about', async () => {
      using bpf = bpfFileSystem();
      using xdp = await served(bpf.path, family);
      const shape = shapeOf(family);
      const router = address(family, 77);
      for (const flow of flows(family, 'udp', [shape.destination]).slice(0, 50)) {
        const { source, destination, sourcePort, destinationPort, protocol } = shapeOfFlow(flow);
        const answer = { protocol, source: destination, destination: source };
        const quoted = { ...answer, sourcePort: destinationPort, destinationPort: sourcePort };
        for (const type of family === 4 ? [3, 11, 12] : [1, 2, 3, 4]) {
          expect(memberOf(xdp.run(icmpError(quoted, router, type), DEVICE))).toBe(chosen(xdp, flow));
        }
        // Echo; an error about a packet from elsewhere; one that quotes no ports.
        expectPassed(xdp, icmpError(quoted, router, family === 4 ? 8 : 128));
        const forged = icmpError(quoted, router, family === 4 ? 3 : 1);
        forged[14 + (family === 4 ? 20 + 8 + 15 : 40 + 8 + 23)]! ^= 1;
        expectPassed(xdp, forged);
        const short = icmpError(quoted, router, family === 4 ? 3 : 1);
        expectPassed(xdp, short.slice(0, 14 + (family === 4 ? 20 + 8 + 20 : 40 + 8 + 40)));
      }
    });

    it('lets packets pass when nobody serves, and counts what it sends', async () => {
      using bpf = bpfFileSystem();
      const xdp = new Xdp({ directory: `${bpf.path}/nobody`, mode: 'generic' });
      const addresses = [address(family, 1)];
      const members = names(3);
      const slots = Uint16Array.from({ length: 251 }, (_, slot) => slot % 3);
      const shape = shapeOf(family);
      await xdp.apply([service({ family, addresses, members, slots })]);
      for (let count = 0; count < 10; count++) xdp.run(frame(shape), DEVICE);
      await xdp.apply([service({ family, addresses, members, slots: new Uint16Array() })]);
      expectPassed(xdp, frame(shape));
      // Another program, for another address: counters go on.
      await xdp.apply([service({ family, addresses: [address(family, 1), address(family, 2)], members, slots })]);
      for (let count = 0; count < 5; count++) xdp.run(frame(shape), DEVICE);
      const counters = await xdp.counters();
      expect(counters.passed.nobody).toBe(1);
      expect(counters.members.map(({ member }) => member)).toEqual(members);
      const packets = counters.members.map((count) => count.packets);
      const bytes = counters.members.map((count) => count.bytes);
      expect([packets.reduce(sum), Math.max(...packets)]).toEqual([15, 15]);
      expect(Math.max(...bytes)).toBe(15 * (frame(shape).length - 14));
      await xdp.remove();
    });
  });

  it('keeps members apart that share a counter one after the other', async () => {
    using bpf = bpfFileSystem();
    const xdp = new Xdp({ directory: `${bpf.path}/counters`, mode: 'generic' });
    const addresses = [address(4, 1)];
    const one = (name: string) => service({ family: 4, addresses, members: [name], slots: new Uint16Array(251) });
    for (let index = 0; index < 20; index++) {
      await xdp.apply([one(`member-${index}`)]);
      expect(xdp.run(frame(shapeOf(4)), DEVICE).verdict).toBe('transmit');
      const { members } = await xdp.counters();
      expect(members.map(({ member, packets }) => [member, packets])).toEqual([[`member-${index}`, 1]]);
    }
    await xdp.remove();
  });

  it('refuses what can not be, and changes nothing then', async () => {
    using bpf = bpfFileSystem();
    using xdp = await served(bpf.path, 4);
    const good = { family: 4, addresses: [address(4, 1)], members: ['0'], slots: new Uint16Array(251) } as const;
    const bad: readonly XdpService[][] = [
      [service({ ...good, devices: ['absent0'] })],
      [service({ ...good, slots: Uint16Array.of(0, 1) })],
      [service({ ...good, addresses: [address(6, 1)] })],
      [service({ ...good, key: { fields: [] } })],
      [service(good), { ...service(good), id: 'other' }],
    ];
    for (const services of bad) await expect(xdp.apply(services)).rejects.toMatchObject({ name: 'NetlinkError' });
    expect(await xdp.verify()).toEqual([]);
    expect(xdp.run(frame(shapeOf(4)), DEVICE).verdict).toBe('transmit');
    const elsewhere = () => new Xdp({ directory: '/tmp/no-bpf-file-system' });
    expect(elsewhere).toThrow(/not on a BPF file system/);
    expect(() => new Xdp({ directory: `${bpf.path}/one` }).run(frame(shapeOf(4)), DEVICE)).toThrow(
      /apply services first/,
    );
  });

  it('L4-83: sees that it was taken off a device, and comes back', async () => {
    using bpf = bpfFileSystem();
    using xdp = await served(bpf.path, 4);
    const services = [service({ family: 4, addresses: [address(4, 1)], members: ['0'], slots: new Uint16Array(251) })];
    await xdp.apply(services);
    execFileSync('sh', ['-c', `rm ${bpf.path}/served/device-*`]);
    expect(await xdp.verify()).toEqual(['XDP program is not attached to device 1']);
    expect(await xdp.apply(services)).toMatchObject({ program: true });
    expect(await xdp.verify()).toEqual([]);
  });
});

type ServiceShape = Pick<XdpService, 'family' | 'addresses' | 'slots'> & {
  readonly members: readonly string[];
  readonly key?: FlowKey;
  readonly seed?: number;
  readonly protocol?: Flow['protocol'];
  readonly devices?: readonly string[];
  readonly routed?: boolean;
};

/** Members are recognised by their MAC address, which is their number. */
function service(shape: ServiceShape): XdpService {
  const { family, addresses, slots, key = FIVE_TUPLE_KEY, seed = 1, protocol = 'udp', routed = false } = shape;
  const { sourcePrefixLength: prefix } = key;
  return {
    ...{ id: 'service', family, protocol: PROTOCOLS[protocol], port: PORT, addresses, seed, routed, slots },
    devices: shape.devices ?? [DEVICE],
    fields: key.fields,
    ...(prefix ? { sourcePrefixLength: family === 4 ? prefix.ipv4 : prefix.ipv6 } : {}),
    members: shape.members.map((name, index) => ({
      name,
      hop: { kind: 'neighbour', device: DEVICE, mac: Uint8Array.of(2, 0, 0, 0, index >> 8, index & 0xff) },
    })),
  };
}

async function served(path: string, family: 4 | 6, routed = false): Promise<Xdp & Disposable> {
  const xdp = new Xdp({ directory: `${path}/served`, mode: 'generic' });
  const slots = Uint16Array.from({ length: 251 }, (_, slot) => slot % 50);
  await xdp.apply([service({ family, addresses: [address(family, 1)], members: names(50), slots, routed })]);
  // Unmounting the file system takes the program off.
  return Object.assign(xdp, { [Symbol.dispose]() {} });
}

function names(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `member-${String(index).padStart(4, '0')}`);
}

function address(family: 4 | 6, number: number): Uint8Array {
  return family === 4 ? Uint8Array.of(10, 9, 9, number) : Uint8Array.of(0xfd, 9, ...new Uint8Array(13), number);
}

function flows(family: 4 | 6, protocol: Flow['protocol'], services: readonly Uint8Array[]): Flow[] {
  return Array.from({ length: FLOWS }, (_, index) => ({
    protocol,
    sourceAddress: Uint8Array.from({ length: family === 4 ? 4 : 16 }, (_, byte) => hash(index, byte)),
    destinationAddress: services[index % services.length]!,
    sourcePort: hash(index, 99) & 0xffff,
    destinationPort: PORT,
  }));
}

function shapeOf(family: 4 | 6): FrameShape {
  return shapeOfFlow(flows(family, 'udp', [address(family, 1)])[0]!);
}

function shapeOfFlow(flow: Flow): FrameShape {
  const { sourceAddress: source, destinationAddress: destination, ...rest } = flow;
  return { source, destination, ...rest };
}

/** Index of the member that the program sends the flow's packet to. */
function chosen(xdp: Xdp, flow: Flow): number | null {
  return memberOf(xdp.run(frame(shapeOfFlow(flow)), DEVICE));
}

function memberOf({ verdict, frame }: ReturnType<Xdp['run']>): number | null {
  return verdict === 'transmit' ? (frame[4]! << 8) | frame[5]! : null;
}

function expectPassed(xdp: Xdp, bytes: Uint8Array): void {
  expect(xdp.run(bytes, DEVICE)).toEqual({ verdict: 'pass', frame: bytes });
}

function hash(a: number, b: number): number {
  return jenkinsHash(Uint8Array.of(a, a >> 8, a >> 16, b), 0);
}

function sum(a: number, b: number): number {
  return a + b;
}
